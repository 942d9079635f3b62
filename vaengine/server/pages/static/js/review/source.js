// Finds a file that this browser plays: the video itself, else a preview, which is made where there is none.
import { get, post, videoPath } from "/static/js/api.js";

const ASKED_EVERY_MS = 700;

// Resolves to the media time of the first frame. `tell` gets a line while a preview is made.
export async function load(video, facts, { tell, signal }) {
  if (await plays(video, facts.media, facts)) return { offsetS: facts.offset_s, isPreview: false };
  const preview = await madePreview(facts.video_id, tell, signal);
  if (!(await plays(video, preview.media, facts))) throw new Error("this browser plays neither the video nor its preview");
  return { offsetS: preview.offset_s, isPreview: true };
}

// HEVC with sound loads without an error as sound alone: a video without width does not play.
function plays(video, address, facts) {
  return new Promise((resolve) => {
    const ends = new AbortController();
    const end = (isGood) => { ends.abort(); resolve(isGood); };
    video.addEventListener("loadeddata", () => end(!facts.has_pictures || video.videoWidth > 0), { signal: ends.signal });
    video.addEventListener("error", () => end(false), { signal: ends.signal });
    video.src = address;
  });
}

async function madePreview(id, tell, signal) {
  tell("This browser cannot play the file. A preview is being made.");
  let preview = await post(videoPath(id, "/preview"), undefined, { signal });
  while (preview.stage !== "ready") {
    if (preview.stage === "failed") throw new Error(`no preview: ${preview.message}`);
    tell(preview.stage === "waiting" ? "A preview is waiting for others to be made." : `A preview is being made: ${Math.round(100 * preview.share)} %`);
    await new Promise((resolve) => setTimeout(resolve, ASKED_EVERY_MS));
    preview = await get(videoPath(id, "/preview/state"), { signal });
  }
  return preview;
}
