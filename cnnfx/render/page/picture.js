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

/** Return integer pixels 0..255 resized channel by channel. */
function resizePixels(pixels, channels, from, to) {
  const size = from.height * from.width;
  const clip = (value) => Math.min(255, Math.max(0, Math.floor(value + 0.5)));
  const result = new Uint8Array(channels * to.height * to.width);
  for (let channel = 0; channel < channels; channel++) {
    const plane = { ...from, values: pixels.subarray(channel * size, (channel + 1) * size) };
    result.set(resize(plane, to.height, to.width, HAMMING, clip).values, channel * to.height * to.width);
  }
  return result;
}

/** Return a picture as maps of at most `maxPixels` pixels, and a note if it was reduced: { image, notes }. */
function readPicture({ name, height, width, rgba }, channels, maxPixels) {
  const pixels = channelPixels(rgba, channels);
  const size = shrunkSize(height, width, maxPixels);
  if (size.height === height && size.width === width)
    return { image: imageOf(pixels, 255, channels, height, width), notes: [] };
  const reduced = resizePixels(pixels, channels, { height, width }, size);
  const note = `${name}: reduced from ${width}×${height} to ${size.width}×${size.height} for the page.`;
  return { image: imageOf(reduced, 255, channels, size.height, size.width), notes: [note] };
}

/** Return an image as a model trained on images of `shape` reads it, { image, notes }; null if it has no contrast. */
function fitToModel(image, { shape: [channels, height, width], digits }) {
  if (digits) {
    const fitted = fitDigit(image);
    return fitted && { image: fitted.digit, notes: fitted.notes };
  }
  if (image.height === height && image.width === width) return { image, notes: [] };
  const size = image.height * image.width;
  const values = new Float32Array(channels * height * width);
  for (let channel = 0; channel < channels; channel++) {
    const plane = { ...image, values: image.values.subarray(channel * size, (channel + 1) * size) };
    values.set(fitImage(plane, height, width).values, channel * height * width);
  }
  const sizes = `from ${image.width}×${image.height} to ${width}×${height}`;
  return { image: { channels, height, width, values }, notes: [`resized ${sizes}, the size of the training images`] };
}
