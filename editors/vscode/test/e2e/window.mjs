// What a person sees and does in a window of VS Code, and in a session's panel there.
import fs from "node:fs";
import path from "node:path";
import { project } from "./setup.mjs";
import { until } from "./waiting.mjs";

export const shots = path.join(project, "tests/screenshots/vscode");

/** A key of every VS Code of these tests. */
export const CLEAR_NOTIFICATIONS = { key: "Control+Alt+Shift+F9", command: "notifications.clearAll" };

/** One window of VS Code. */
export class Window {
  constructor(page) {
    this.page = page;
    this.console = [];
    page.on("console", (message) => this.console.push(`${message.type()} ${message.text()}`));
  }

  async waitUntilStarted() {
    await this.page.waitForSelector(".monaco-workbench", { timeout: 60_000 });
    const files = this.page.locator(".explorer-folders-view .monaco-list-row").first();
    try {
      await files.waitFor({ timeout: 30_000 });
    } catch {
      // On a busy machine the workbench sometimes comes up without its files. A person would reload the page.
      await this.shot("window-without-files");
      await this.page.reload();
      await files.waitFor({ timeout: 60_000 });
    }
  }

  /** Reloads the window as a person does. */
  async reload() {
    const reloaded = this.page.waitForEvent("framenavigated", (frame) => frame === this.page.mainFrame());
    await this.command("Developer: Reload Window");
    await reloaded;
    await this.page.waitForSelector(".monaco-workbench", { timeout: 60_000 });
  }

  /** Runs a command from the palette. The commands of an extension may be missing at first. */
  async command(title) {
    for (let attempt = 0; ; attempt += 1) {
      await this.page.keyboard.press("F1");
      const box = this.page.locator(".quick-input-widget:visible input").first();
      const row = this.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: title }).first();
      try {
        // The key may have come while an earlier palette was closing.
        await box.fill(`>${title}`, { timeout: 2000 });
        // The palette does not add commands that come while it is open: look again soon, and less often on a slow machine.
        await row.waitFor({ timeout: Math.min(500 + 100 * attempt, 3000) });
        await row.click();
        return;
      } catch (error) {
        if (attempt > 30) throw new Error(`The palette does not offer "${title}".`, { cause: error });
        await this.page.keyboard.press("Escape");
      }
    }
  }

  /** Picks a colour theme: dark, light, contrast or contrastLight. */
  async theme(name) {
    await this.command("Preferences: Color Theme");
    await this.page.locator(".quick-input-widget:visible input").first().fill(THEME_LABELS[name]);
    await this.page.locator(".quick-input-list .monaco-list-row", { hasText: THEME_LABELS[name] }).first().click();
    await this.page.locator(`.monaco-workbench.${THEME_CLASSES[name]}`).first().waitFor();
    await this.panelsHaveTheme(name);
  }

  /** Waits until the pages of all panels have a theme, which they get later than the window. */
  async panelsHaveTheme(name) {
    const themeOf = (frame) => frame.evaluate(() => globalThis.document.body?.dataset.vscodeThemeKind).catch(() => undefined);
    await until(async () => {
      const kinds = await Promise.all(this.page.frames().map(themeOf));
      return kinds.every((kind) => kind === undefined || kind === THEME_KINDS[name]);
    }, `the theme ${name} in the panels`);
  }

  /** Waits until all that fades or slides has done so. What moves without an end, such as a progress bar, is not waited for. */
  async settle() {
    const animated = (frame) => frame.evaluate(animationsEnd).catch(() => undefined); // or the frame is gone
    // A frame that loads nothing, such as one of the walkthrough, never answers.
    let timer;
    const longest = new Promise((resolve) => (timer = setTimeout(resolve, 4000)));
    await Promise.race([Promise.all(this.page.frames().map(animated)), longest]);
    clearTimeout(timer);
  }

  /** Opens a file from the explorer. */
  async open(name) {
    await this.page.locator(".explorer-folders-view").getByText(name, { exact: true }).dblclick();
    await this.page.locator(".tab.active", { hasText: name }).first().waitFor();
    // Text typed before the editor has the focus would be lost.
    await this.page.locator(".editor-instance .monaco-editor.focused").first().waitFor();
  }

  /** Drags the side bar to this width in pixels. */
  async sideBarWidth(width) {
    const box = await this.page.locator(".part.sidebar").boundingBox();
    if (Math.abs(box.width - width) < 4) return;
    const [edge, middle] = [box.x + box.width, box.y + box.height / 2];
    await this.page.mouse.move(edge, middle);
    await this.page.mouse.down();
    await this.page.mouse.move(edge + (width > box.width ? 5 : -5), middle);
    await this.page.mouse.move(box.x + width, middle, { steps: 4 });
    await this.page.mouse.up();
    await until(
      async () => Math.abs((await this.page.locator(".part.sidebar").boundingBox()).width - width) < 4,
      `${width} pixels`,
    );
  }

  /** The text of the first editor. Its lines can be in any order in the page. */
  async text() {
    const lines = await this.page
      .locator(".monaco-editor .view-lines")
      .first()
      .locator(".view-line")
      .evaluateAll((elements) =>
        elements.map((line) => ({ top: line.offsetTop, text: line.textContent })).toSorted((a, b) => a.top - b.top),
      );
    return lines.map(({ text }) => text.replaceAll("\u00a0", " ")).join("\n");
  }

  /** The page of the session panel: an iframe in an iframe. */
  get panel() {
    return new Panel(this.page.frameLocator("iframe.webview.ready").frameLocator("iframe#active-frame"));
  }

  /** The notification with this text, while it lies over the window. */
  notification(text) {
    return this.page.locator(".notifications-toasts .notification-list-item", { hasText: text });
  }

  /** The texts of all notifications that lie over the window, and take the clicks on what is below them. */
  notifications() {
    return this.page.locator(".notifications-toasts .notification-list-item-message").allInnerTexts();
  }

  /** Removes all notifications, also those in the notification centre. */
  async clearNotifications() {
    if ((await this.notifications()).length === 0) return;
    await until(async () => {
      await this.page.keyboard.press(CLEAR_NOTIFICATIONS.key);
      return (await this.notifications()).length === 0;
    }, "the notifications to go");
  }

  async shot(name) {
    fs.mkdirSync(shots, { recursive: true });
    // Moves the mouse to where nothing reacts to it.
    await this.page.mouse.move(640, this.page.viewportSize().height - 2);
    await this.settle();
    await this.page.screenshot({ path: path.join(shots, `${name}.png`) });
  }

  /**
   * Takes a screenshot; with SESSIONLS_THEMES=1 one in each theme, which takes most of the time of some tests. That opens the
   * palette, so menus that close when they lose the focus are not shown.
   */
  async shotInEachTheme(name) {
    if (!process.env.SESSIONLS_THEMES) {
      await this.shot(`${name}-dark`);
      return;
    }
    for (const theme of ["light", "contrast", "contrastLight", "dark"]) {
      await this.theme(theme);
      await this.shot(`${name}-${theme}`);
    }
  }
}

/** What a person sees and does in a session's panel. */
class Panel {
  constructor(frame) {
    this.frame = frame;
    this.text = frame.getByRole("textbox", { name: "Message" });
    this.send = frame.getByRole("button", { name: "Send", exact: true });
    this.messages = frame.locator(".message");
    this.replies = frame.locator(".message.agent");
    this.agent = frame.locator(".picker-button");
  }

  async write(text) {
    await this.text.click();
    await this.text.pressSequentially(text);
  }

  /** Sends a message, and returns the reply after it has ended. */
  async ask(text) {
    await this.write(text);
    return this.submit();
  }

  /** Sends the text in the composer, and returns the reply after it has ended. */
  async submit() {
    const before = await this.replies.count();
    await this.text.press("Enter");
    return this.finishedReply(before);
  }

  /** Returns the reply at this index, after it has ended. */
  async finishedReply(index) {
    const reply = this.replies.nth(index);
    await reply.waitFor({ timeout: 60_000 });
    await this.frame.locator(".message.agent:not(.replying)").nth(index).waitFor({ timeout: 60_000 });
    return reply;
  }
}

/** Runs in a page: waits for its next frame, and then for its animations. A page that is hidden has neither. */
const animationsEnd = async () => {
  const page = globalThis;
  const after = (delay) => new Promise((resolve) => page.setTimeout(() => resolve(false), delay));
  const drawn = new Promise((resolve) => page.requestAnimationFrame(() => resolve(true)));
  if (!(await Promise.race([drawn, after(300)]))) return;
  const ending = page.document.getAnimations().filter(({ effect }) => effect.getComputedTiming().endTime !== Infinity);
  await Promise.race([Promise.allSettled(ending.map(({ finished }) => finished)), after(3000)]);
};

export const themes = {
  dark: "Default Dark Modern",
  light: "Default Light Modern",
  contrast: "Default High Contrast",
  contrastLight: "Default High Contrast Light",
};
/** The labels of the themes in the picker, how a panel's page names them, and their CSS classes in the workbench. */
const THEME_LABELS = {
  dark: "Dark Modern",
  light: "Light Modern",
  contrast: "Dark High Contrast",
  contrastLight: "Light High Contrast",
};
const THEME_KINDS = {
  dark: "vscode-dark",
  light: "vscode-light",
  contrast: "vscode-high-contrast",
  contrastLight: "vscode-high-contrast-light",
};
const THEME_CLASSES = { dark: "vs-dark", light: "vs", contrast: "hc-black", contrastLight: "hc-light" };
