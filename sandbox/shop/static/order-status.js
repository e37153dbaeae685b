// What the customer sees after coming back from the payment page.

import { ApiError, get } from "./api.js";
import { recallOrder } from "./remembered.js";

/** The plugin asks every 10 s; here people watch. */
export const POLL_EVERY_MS = 2_000;
const REFUND_POLL_EVERY_MS = 10_000;
const GONE = [400, 403, 404, 410];

const STAGES = {
  queued: "Your order is in the queue.",
  processing: "Your photograph is being enlarged.",
  finishing: "Almost there: checking the result.",
};

const $ = (id) => document.getElementById(id);
const panel = $("order-status");

/** Read the address that the payment page sent the customer to, and show what it asks for. */
export function followReturn(query = new URLSearchParams(window.location.search)) {
  const ticket = query.get("job_id");
  if (query.get("smi_payment") === "cancelled") cancelled();
  else if (query.get("smi_payment") === "success" && ticket) follow(ticket);
}

function cancelled() {
  present("Nothing was charged", "You left the payment page. The photographs are still here if you change your mind.", "quiet");
  $("status-close").hidden = false;
}

function follow(ticket) {
  const { src } = recallOrder(ticket);
  if (src) {
    $("status-photo").src = src;
    $("status-photo").hidden = false;
  }
  present("Thank you", "Your payment is being confirmed.");
  panel.focus();
  poll(ticket);
}

async function poll(ticket) {
  const wait = await look(ticket);
  if (wait !== null) setTimeout(() => poll(ticket), wait);
}

/** One look at the order: how long to wait before the next, in milliseconds, or null when there is nothing to wait for. */
async function look(ticket) {
  try {
    const { data } = await get(`/job-status/${encodeURIComponent(ticket)}`);
    return report(data);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (!GONE.includes(error.status)) return POLL_EVERY_MS;
    ended("We cannot find this order", error.message, "bad");
    return null;
  }
}

function report(order) {
  switch (order.status) {
    case "completed": return completed(order);
    case "failed": case "refunded": return failed(order);
    case "abandoned": return ended("This order was not paid", "Nothing was charged.", "quiet");
    default: return underWay(order);
  }
}

function underWay(order) {
  const paid = order.status !== "awaiting_payment";
  present("Thank you", paid ? STAGES[order.stage] ?? STAGES.processing : "Your payment is being confirmed.");
  const bar = $("status-progress");
  bar.hidden = false;
  bar.value = Math.max(bar.value, Number(order.progress) || 0);
  return POLL_EVERY_MS;
}

function completed(order) {
  const times = Number.parseInt(order.resolution, 10);
  ended("Your enlargement is ready", `Enlarged ${times} times, checked, and yours. The link is in your mail too.`);
  if (order.download_url) {
    $("status-download").href = order.download_url;
    $("status-download").hidden = false;
  }
  return null;
}

function failed(order) {
  const refunded = order.payment_status === "refunded";
  const money = refunded
    ? "You were refunded in full. It shows on your statement within five to ten days."
    : "Your refund is on its way; there is nothing you need to do.";
  ended(refunded ? "Refunded" : "This one did not work", `We could not make this enlargement. ${money}`, "bad");
  return refunded ? null : REFUND_POLL_EVERY_MS;
}

function ended(title, message, tone = "good") {
  present(title, message, tone);
  $("status-progress").hidden = true;
  $("status-close").hidden = false;
  return null;
}

function present(title, message, tone = "good") {
  panel.hidden = false;
  panel.dataset.tone = tone;
  setText("status-title", title);
  setText("status-message", message);
}

/** Unchanged text is left alone, so that a screen reader does not say it again every two seconds. */
function setText(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

$("status-close").addEventListener("click", () => {
  panel.hidden = true;
  window.history.replaceState(null, "", window.location.pathname);
});
