/* The classes of a network: the scores of a classifier head or of the last layer, and their probabilities. */

/** Return whether a network has classes whose scores are computed on the page. */
function isClassifier({ head, scoresLayer }) {
  return Boolean(head) || scoresLayer !== null;
}

/** Return the maps that the classes are computed from, given those of all layers. */
function classMaps({ scoresLayer }, maps) {
  return maps[scoresLayer ?? maps.length - 1];
}

/** Return whether the maps of a layer are those of the classes, in their order. */
function hasClassMaps({ classes, layers }, number) {
  const { outputs } = layers[number - 1];
  return outputs.length === classes.length && outputs.every(({ name }, index) => name === classes[index]);
}

/** Return whether the classes can be computed from maps: a head reads maps of one shape only. */
function fitsHead({ head, scoresAreProbabilities }, { channels, height, width }) {
  if (head) return [channels, height, width].join() === head.shape.join();
  return !scoresAreProbabilities || height * width === 1;
}

/** Return the probability of each class: the softmax of the scores, which without a head are the means of the maps. */
function probabilities({ head, scoresAreProbabilities }, maps) {
  if (!head) return scoresAreProbabilities ? Array.from(maps.values) : softmax(channelMeans(maps));
  const size = maps.values.length;
  return softmax(
    Array.from(head.bias, (bias, index) =>
      maps.values.reduce((sum, value, pixel) => sum + value * head.weights[index * size + pixel], bias),
    ),
  );
}

function channelMeans({ channels, height, width, values }) {
  const size = height * width;
  return Array.from({ length: channels }, (_, channel) =>
    meanOf(values.subarray(channel * size, (channel + 1) * size)),
  );
}
