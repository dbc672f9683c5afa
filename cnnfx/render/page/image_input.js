/* The input section: its title and notes, and opening an image of the user. */

const MAX_FILE_PIXELS = 64_000_000; // of a picture that is opened

/** Let the user open an image by a button, or by dropping it onto the page. */
function createImageInput(page) {
  const file = byId("file");
  if (!page.data.isLive) {
    byId("open").hidden = byId("open-note").hidden = true;
    return;
  }
  byId("open").addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    if (file.files.length) openFile(page, file.files[0]);
    file.value = ""; // so that the same file can be opened again
  });
  byId("back").textContent = `Back to ${page.original.title}`;
  byId("back").addEventListener("click", () => {
    page.show(page.original);
    byId("open").focus();
  });
  const root = document.documentElement;
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    root.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) root.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    root.classList.remove("dropping");
    const [dropped] = event.dataTransfer.files;
    if (!dropped) return;
    event.preventDefault();
    openFile(page, dropped);
  });
}

/** Show an image file as the input, or a message if that is not possible. */
async function openFile(page, file) {
  try {
    page.show(await readSource(page, file));
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    showNotes([`${file.name}: ${error.message}`]);
  }
}

/** A file that cannot be the input. */
class ImageError extends Error {}

/** Return an image file as a source for `page.show`. */
async function readSource({ data, network }, file) {
  const channels = data.image.channels;
  if (channels.length !== 1 && channels.length !== 3)
    throw new ImageError(`a picture has 1 or 3 channels. These filters read ${channels.length}.`);
  const picture = await decodePicture(file);
  const maxPixels = data.trained ? Infinity : data.maxPixels; // images for a model are resized anyway
  const { image, notes } = readPicture(picture, channels.length, maxPixels);
  const fitted = data.trained ? fitToModel(image, data.trained) : { image, notes: [] };
  if (!fitted) throw new ImageError("the image has no contrast: all of it has the same brightness.");
  if (!layerSizes(network, fitted.image))
    throw new ImageError(`${image.width}×${image.height} pixels are too few for these layers.`);
  const fittingNotes = fitted.notes.map((note) => `${file.name}: ${note}.`);
  return { image: fitted.image, title: file.name, channels, isPicture: true, notes: [...notes, ...fittingNotes] };
}

/** Return the pixels of a picture file over white, { name, height, width, rgba }. */
async function decodePicture(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
  } catch {
    throw new ImageError("this browser cannot read it as an image. Open a PNG, JPEG, WebP or GIF file.");
  }
  const { width, height } = bitmap;
  if (width * height > MAX_FILE_PIXELS)
    throw new ImageError(`it has ${width}×${height} pixels, the limit is ${MAX_FILE_PIXELS / 1e6} million.`);
  const canvas = createElement("canvas", { width, height });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  return { name: file.name, height, width, rgba: context.getImageData(0, 0, width, height).data };
}

/** Show the name of the input and the notes on how it was read. The page's title stays while the user draws, as a line
    more or less would move the drawing under the pen. */
function describeInput(page) {
  const { source, original } = page;
  const filters = page.title.slice(0, -original.title.length);
  document.title = byId("title").textContent = filters + (source.isDrawing ? original : source).title;
  page.views[0][0].canvas.parentElement.querySelector(".title").textContent = source.title;
  byId("input").classList.toggle("photo", source.image.width > PHOTO_WIDTH);
  byId("back").hidden = source === original;
  showNotes(source.notes);
}

function showNotes(notes) {
  byId("input-notes").replaceChildren(...notes.map((note) => createElement("p", { class: "note" }, note)));
}
