/** Pictures on their way to the server: read here first, and made smaller where they are more than it takes. */

const TAKEN = ["image/png", "image/jpeg", "image/webp"];
const JPEG_QUALITIES = [0.9, 0.75, 0.5];

/** A file that cannot be used; the message is for people. */
export class PictureError extends Error {}

/** The first picture among files dropped or pasted, or null. */
export function firstPicture(transfer) {
  const files = [...(transfer?.files ?? [])];
  return files.find((file) => file.type.startsWith("image/")) ?? files[0] ?? null;
}

/**
 * The file as it is where the server takes it, else a JPEG that covers the largest frame.
 * limits: of /api/info. Raises PictureError where the browser cannot read the file.
 */
export async function prepared(file, limits) {
  let image;
  try {
    image = await createImageBitmap(file);
  } catch (error) {
    throw new PictureError(`"${file.name || "The file"}" is not a picture that this browser can read (${error.message}).`);
  }
  const fits = TAKEN.includes(file.type) && file.size <= limits.upload_bytes && image.width * image.height <= limits.upload_pixels;
  const picture = fits ? file : await smaller(image, limits);
  image.close();
  return picture;
}

async function smaller(image, limits) {
  const covering = Math.max(limits.width / image.width, limits.height / image.height);
  const allowed = Math.sqrt(limits.upload_pixels / (image.width * image.height));
  const scale = Math.min(1, covering, allowed);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.floor(image.width * scale));
  canvas.height = Math.max(1, Math.floor(image.height * scale));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  for (const quality of JPEG_QUALITIES) {
    const picture = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
    if (picture && picture.size <= limits.upload_bytes) return picture;
  }
  throw new PictureError(`This picture is too large: the server takes ${Math.floor(limits.upload_bytes / 1024)} KiB.`);
}
