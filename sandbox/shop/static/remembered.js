// Which photograph an order was for, kept in this tab only, so that the page can show it after payment.

const key = (ticket) => `order:${ticket}`;

export function rememberOrder(ticket, { title, src }) {
  // An upload's picture is a blob of this document and cannot outlive it.
  const shown = src.startsWith("blob:") ? null : src;
  sessionStorage.setItem(key(ticket), JSON.stringify({ title, src: shown }));
}

export function recallOrder(ticket) {
  return JSON.parse(sessionStorage.getItem(key(ticket)) ?? "null") ?? { title: null, src: null };
}
