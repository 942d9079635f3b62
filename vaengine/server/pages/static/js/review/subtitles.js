// What is said, and which part of it is shown at a time.

const MAX_LENGTH = 84; // characters, two usual lines

// Cues of an utterance: groups of words whose times are known, else the whole text.
export function cuesOf(utterances) {
  return utterances.flatMap((one) => {
    const who = one.speaker ? `${one.speaker}: ` : "";
    if (!one.words.length || one.text.length <= MAX_LENGTH) return [{ startS: one.start_s, endS: one.end_s, text: who + one.text }];
    return groups(one.words).map((words, i, all) => ({
      startS: words[0].start_s, endS: all[i + 1]?.[0].start_s ?? one.end_s, text: who + words.map((word) => word.text).join(" "),
    }));
  });
}

function groups(words) {
  const found = [[]];
  let length = 0;
  for (const word of words) {
    if (length + word.text.length > MAX_LENGTH) { found.push([]); length = 0; }
    found.at(-1).push(word);
    length += word.text.length + 1;
  }
  return found.filter((group) => group.length);
}

export const saidAt = (cues, timeS) => cues.filter((cue) => cue.startS <= timeS && timeS < cue.endS).slice(-2).map((cue) => cue.text);
