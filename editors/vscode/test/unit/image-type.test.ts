import { describe, expect, it } from "vitest";
import { imageType, namedAsImage } from "../../src/panel/imageType";

const bytes = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

describe("the image type of bytes", () => {
  it("is detected from their start", () => {
    expect(imageType(bytes("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"))).toBe("image/png");
    expect(imageType(bytes("\xff\xd8\xff\xe0\0\x10JFIF"))).toBe("image/jpeg");
    expect(imageType(bytes("GIF89a\x01\0"))).toBe("image/gif");
    expect(imageType(bytes("RIFF\x1a\0\0\0WEBPVP8L"))).toBe("image/webp");
  });
  it("is undefined for other and incomplete files", () => {
    for (const text of ["", "\x89PNG", "RIFF\x1a\0\0\0WAVE", "<svg></svg>", "%PDF-1.7"])
      expect(imageType(bytes(text))).toBeUndefined();
  });
});

describe("a file that is offered as an image", () => {
  it("has the extension of an image", () => {
    expect(["a.png", "b.JPG", "c.jpeg", "d.webp", "e.gif"].every(namedAsImage)).toBe(true);
    expect(["a.svg", "png", "a.png.ts"].some(namedAsImage)).toBe(false);
  });
});
