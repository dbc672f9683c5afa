/* Pictures that the user opens, converted to the input of the network as the command line does. */

/** Return the pixels of RGBA bytes as one channel, the luma after Rec. 601 in the integers of Pillow, or three. */
function channelPixels(rgba, channels) {
  const size = rgba.length / 4;
  const pixels = new Uint8Array(channels * size);
  for (let index = 0; index < size; index++) {
    const [red, green, blue] = [rgba[4 * index], rgba[4 * index + 1], rgba[4 * index + 2]];
    if (channels === 1) pixels[index] = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16;
    else {
      pixels[index] = red;
      pixels[size + index] = green;
      pixels[2 * size + index] = blue;
    }
  }
  return pixels;
}

/** Return the size of an image of at most `maxPixels` pixels with the same aspect ratio, as { height, width }. */
function shrunkSize(height, width, maxPixels) {
  if (height * width <= maxPixels) return { height, width };
  const factor = Math.sqrt(maxPixels / (height * width));
  const newHeight = Math.min(Math.max(1, Math.floor(height * factor)), maxPixels);
  const newWidth = Math.min(Math.max(1, Math.floor(width * factor)), Math.floor(maxPixels / newHeight));
  return { height: newHeight, width: newWidth };
}

/** Return integer pixels 0..255 resized channel by channel, with a filter. */
function resizePixels(pixels, channels, from, to, filter) {
  const size = from.height * from.width;
  const clip = (value) => Math.min(255, Math.max(0, Math.floor(value + 0.5)));
  const result = new Uint8Array(channels * to.height * to.width);
  for (let channel = 0; channel < channels; channel++) {
    const plane = { ...from, values: pixels.subarray(channel * size, (channel + 1) * size) };
    result.set(resize(plane, to.height, to.width, filter, clip).values, channel * to.height * to.width);
  }
  return result;
}

/** Return a picture as maps of at most `maxPixels` pixels, and a note if it was reduced: { image, notes }. */
function readPicture({ name, height, width, rgba }, channels, maxPixels) {
  const pixels = channelPixels(rgba, channels);
  const size = shrunkSize(height, width, maxPixels);
  if (size.height === height && size.width === width)
    return { image: imageOf(pixels, 255, channels, height, width), notes: [] };
  const reduced = resizePixels(pixels, channels, { height, width }, size, HAMMING);
  const note = `${name}: reduced from ${width}×${height} to ${size.width}×${size.height} for the page.`;
  return { image: imageOf(reduced, 255, channels, size.height, size.width), notes: [note] };
}

/** Return an image as a classifier reads it, { image, notes }; null if it shows no digit where digits are read.
    `trained` is { shape, digits, fit, resize, resample }, as `Input` in Python. */
function fitToModel(image, trained) {
  if (trained.digits) {
    const fitted = fitDigit(image);
    return fitted && { image: fitted.digit, notes: fitted.notes };
  }
  const [channels, height, width] = trained.shape;
  if (image.height === height && image.width === width) return { image, notes: [] };
  const isCropped = trained.fit === "crop";
  const size = isCropped ? coveringSize(image, height, width, trained.resize) : { height, width };
  const filter = trained.resample === "bicubic" ? BICUBIC : BILINEAR;
  const pixels = resizePixels(image.integers, channels, image, size, filter);
  const fitted = isCropped ? cropMiddle(pixels, channels, size, height, width) : pixels;
  const sizes = `from ${image.width}×${image.height} to ${width}×${height}`;
  const note = `resized ${isCropped ? "and cropped " : ""}${sizes}, the size of the training images`;
  return { image: imageOf(fitted, 255, channels, height, width), notes: [note] };
}

/** Return the size of an image scaled so that its shorter side has a length and it covers height × width. */
function coveringSize(image, height, width, shorter) {
  const factor = Math.max(shorter / Math.min(image.height, image.width), height / image.height, width / image.width);
  return {
    height: Math.max(height, roundHalfEven(factor * image.height)),
    width: Math.max(width, roundHalfEven(factor * image.width)),
  };
}

/** Return the pixels in the middle of an image of a size. */
function cropMiddle(pixels, channels, size, height, width) {
  const top = Math.floor((size.height - height) / 2);
  const left = Math.floor((size.width - width) / 2);
  const result = new Uint8Array(channels * height * width);
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < height; row++) {
      const start = (channel * size.height + top + row) * size.width + left;
      result.set(pixels.subarray(start, start + width), (channel * height + row) * width);
    }
  }
  return result;
}
