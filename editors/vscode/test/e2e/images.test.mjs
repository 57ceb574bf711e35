// Images as context: pasted, dropped, picked after # and chosen; shown as thumbnails, sent to the model, shown in the message.
/* global DataTransfer, atob, File, ClipboardEvent, DragEvent, innerWidth */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import zlib from "node:zlib";
import { startEditor, startModel, step, themes, until } from "./editor.mjs";

let model, editor, window, panel;
const it = (name, run) => step(name, () => window, run);

/** A chart of coloured bars as a PNG. */
function chart(width, height, hue) {
  const rows = [];
  for (let y = 0; y < height; y += 1) {
    const row = Buffer.alloc(1 + width * 3, 250);
    row[0] = 0;
    for (let x = 0; x < width; x += 1) {
      const bar = Math.floor((x * 8) / width);
      if (x % (width / 8) < width / 12 && height - y < (height * (2 + ((bar * 5) % 7))) / 9) row.set(hue, 1 + x * 3);
    }
    rows.push(row);
  }
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const size = Buffer.alloc(4);
    size.writeUInt32BE(data.length);
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(zlib.crc32(body));
    return Buffer.concat([size, body, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", head),
    chunk("IDAT", zlib.deflateSync(Buffer.concat(rows))),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

const pasted = chart(640, 360, [40, 110, 210]);
const dropped = chart(300, 300, [200, 70, 60]);
const inFolder = chart(480, 200, [60, 150, 80]);

before(async () => {
  model = await startModel();
  editor = await startEditor({ files: { "read.py": "x = 1\n", "chart.png": inFolder }, model, shared: true });
  window = await editor.window();
  panel = window.panel;
  await window.command("Session: New");
  await panel.text.waitFor();
});

after(async () => {
  await editor?.stop();
  await model?.stop();
});

/** Pastes a file into the composer, or drops it there. */
const insert = (event, bytes, name, type = "image/png") =>
  panel.text.evaluate(
    (element, { event, data, name, type }) => {
      const transfer = new DataTransfer();
      const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
      transfer.items.add(new File([bytes], name, { type }));
      const options = { bubbles: true, cancelable: true };
      element.dispatchEvent(
        event === "paste"
          ? new ClipboardEvent("paste", { ...options, clipboardData: transfer })
          : new DragEvent(event, { ...options, dataTransfer: transfer }),
      );
    },
    { event, data: Buffer.from(bytes).toString("base64"), name, type },
  );

const chip = (label) => panel.frame.locator(".chip.taken", { hasText: label });

it("a pasted image becomes a chip with a thumbnail", async () => {
  await insert("paste", pasted, "image.png");
  await chip("Pasted image").locator("img.thumbnail").waitFor();
});

it("so do a dropped image, and an image of the folder picked after #", async () => {
  await insert("drop", dropped, "errors.png");
  await chip("errors.png").locator("img.thumbnail").waitFor();
  await panel.write("say: What do they show? #chart");
  await panel.frame.locator(".menu-item", { hasText: "chart.png" }).first().click();
  await chip("chart.png").locator("img.thumbnail").waitFor();
  const loaded = await panel.frame
    .locator("img.thumbnail")
    .evaluateAll((elements) => elements.map((element) => element.naturalWidth));
  assert.deepEqual(loaded, [640, 300, 480]);
});

it("a file that is not an image is rejected with a message", async () => {
  await insert("paste", Buffer.from("not an image"), "false.png");
  await panel.frame.getByText("false.png is not an image.").waitFor();
  assert.equal(await chip("false.png").count(), 0);
});

it("chips are kept after a reload of the window", async () => {
  await window.reload();
  await chip("Pasted image").locator("img.thumbnail").waitFor({ timeout: 60_000 });
});

it("the model gets them, and the message shows them", async () => {
  for (const [name, theme] of Object.entries({ dark: themes.dark, light: themes.light })) {
    await editor.settings({ "workbench.colorTheme": theme });
    await window.reload();
    await chip("Pasted image").locator("img.thumbnail").waitFor({ timeout: 60_000 });
    await window.shot(`images-composer-${name}`);
  }
  await panel.submit();
  const request = await until(
    () => model.requests.findLast((request) => JSON.stringify(request).includes("What do they show?")),
    "the request",
  );
  const parts = request.messages.at(-1).content.filter(({ type }) => type === "image_url");
  assert.deepEqual(
    parts.map(({ image_url }) => image_url.url),
    [pasted, dropped, inFolder].map((bytes) => `data:image/png;base64,${bytes.toString("base64")}`),
  );
  const shown = panel.frame.locator(".message.participant .sent-image img");
  await until(async () => (await shown.count()) === 3, "three images");
  assert.equal(await panel.frame.locator(".chip.taken").count(), 0);
  await window.shot("images-message-light");
  await editor.settings({ "workbench.colorTheme": themes.dark });
  await window.reload();
  await until(async () => (await shown.count()) === 3, "three images after a reload");
  await window.shot("images-message-dark");
  await window.page.setViewportSize({ width: 480, height: 800 });
  await window.shot("images-message-narrow");
  const outside = await shown.evaluateAll((elements) =>
    elements.some((element) => element.getBoundingClientRect().right > innerWidth),
  );
  assert.equal(outside, false, "nothing runs out of the page");
  await window.page.setViewportSize({ width: 1280, height: 800 });
});

it("an image of a message opens in the editor", async () => {
  await panel.frame.locator(".message.participant .sent-image").first().click();
  await window.page.locator(".tab.active", { hasText: ".png" }).first().waitFor();
  assert.equal(await window.page.locator(".tab.active").count(), 2, "it does not cover the session");
  await window.command("View: Close Editor");
});

it("an image is chosen from a command", async () => {
  await window.command("Session: Attach Image…");
  const box = window.page.locator(".quick-input-widget input").first();
  await box.waitFor();
  await window.page.locator(".quick-input-list .monaco-list-row", { hasText: "chart.png" }).click();
  await chip("chart.png").locator("img.thumbnail").waitFor();
});
