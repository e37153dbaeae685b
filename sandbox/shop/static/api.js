// Calls to the order service, in the plugin's own dialect: form-encoded bodies, a nonce header, WordPress's errors.

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;
const API_ROOT = meta("smi-api-root");
const NONCE = meta("smi-nonce");

/** An answer that is not a success; `message` is meant for the customer. `status` is 0 when nothing answered. */
export class ApiError extends Error {
  constructor(message, status, code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const post = (route, fields) =>
  call(route, { method: "POST", body: new URLSearchParams(fields) });

export const postFile = (route, field, file) => {
  const body = new FormData();
  body.append(field, file);
  return call(route, { method: "POST", body });
};

export const get = (route) => call(route, { method: "GET", cache: "no-store" });

async function call(route, request) {
  let response;
  try {
    response = await fetch(`${API_ROOT}${route}`, { ...request, headers: { "X-WP-Nonce": NONCE } });
  } catch {
    throw new ApiError("We cannot be reached just now. Please try again in a moment.", 0, "unreachable");
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer?.success) return answer;
  const message = answer?.message ?? "Something went wrong on our side. Please try again in a moment.";
  throw new ApiError(message, response.status, answer?.code ?? "unreadable_answer");
}
