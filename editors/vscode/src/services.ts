/** The services that the features of the extension share. */
import type { Api } from "./api";
import type { EditorContext } from "./context";
import type { Deletions } from "./deletions";
import type { Installer } from "./installer";
import type { Models } from "./models";
import type { Images } from "./panel/images";
import type { Panels } from "./panel/openPanels";
import type { Permissions } from "./permissions";
import type { Pins } from "./pins";
import type { Readiness } from "./readiness";
import type { Secrets } from "./secrets";
import type { Server } from "./server";
import type { Sessions } from "./sessions";
import type { SessionsView } from "./sessionsView";

export interface Services {
  readonly api: Api;
  readonly server: Server;
  readonly readiness: Readiness;
  readonly installer: Installer;
  readonly models: Models;
  readonly sessions: Sessions;
  readonly panels: Panels;
  readonly permissions: Permissions;
  readonly view: SessionsView;
  readonly pins: Pins;
  readonly secrets: Secrets;
  readonly context: EditorContext;
  readonly deletions: Deletions;
  readonly images: Images;
}
