// Short messages at the edge of the window, which screen readers say.
const SHOWN_MS = 6000;

export function notify(message, { action = null, isBad = message instanceof Error } = {}) {
  const notice = document.createElement("div");
  notice.className = isBad ? "notice bad" : "notice";
  const text = document.createElement("span");
  text.textContent = message instanceof Error ? message.message : message;
  notice.append(text);
  if (action) {
    const button = document.createElement("button");
    button.textContent = action.name;
    button.addEventListener("click", () => { notice.remove(); action.run(); });
    notice.append(button);
  }
  document.getElementById("notices").append(notice);
  setTimeout(() => notice.remove(), isBad ? 2 * SHOWN_MS : SHOWN_MS);
}

// Carries something out and tells what goes wrong; resolves to undefined then.
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (error.name !== "AbortError") notify(error);
    return undefined;
  }
}
