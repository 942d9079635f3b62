// Asks the server. Every failure is an ApiError with one line that a person can read.

export class ApiError extends Error {
  constructor(status, facts) {
    super(facts.cure ? `${facts.what}: ${facts.cure}` : facts.what);
    this.status = status;
    this.kind = facts.kind;
  }
}

export const get = (path, options = {}) => asked(path, options);

export const post = (path, body, options = {}) =>
  asked(path, {
    ...options,
    method: options.method ?? "POST",
    headers: body === undefined ? {} : { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });

export async function bytes(path, { signal } = {}) {
  const answer = await answered(path, { signal });
  return answer.arrayBuffer();
}

export const upload = (path, body, options = {}) => asked(path, { ...options, method: "POST", body });

// Adds a query string; what is null, undefined or empty is left out.
export function address(path, query = {}) {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).filter(given).map((one) => [name, String(one)]));
  const text = new URLSearchParams(pairs).toString();
  return text ? `${path}?${text}` : path;
}

const given = (value) => value !== null && value !== undefined && value !== "" && value !== false;

export const videoPath = (id, part = "") => `/api/videos/${encodeURIComponent(id)}${part}`;

async function asked(path, options) {
  const answer = await answered(path, options);
  return answer.status === 204 ? null : answer.json();
}

async function answered(path, options) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { kind: "unreachable", what: "the server does not answer", cure: "is `vaengine serve` running?" });
  }
  if (answer.ok) return answer;
  throw new ApiError(answer.status, await factsOf(answer));
}

async function factsOf(answer) {
  try {
    return (await answer.json()).error;
  } catch {
    return { kind: "http", what: `the server answered ${answer.status}` };
  }
}
