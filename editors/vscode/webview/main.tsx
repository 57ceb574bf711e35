import { render } from "preact";
import "@vscode/codicons/dist/codicon.css";
import "./styles/panel.css";
import { App } from "./components/app";

const root = document.getElementById("root");
if (root) render(<App />, root);
