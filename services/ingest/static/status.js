// Follows an order: moves the bar and the steps, and loads the page anew when the order changes what it says.

import "./times.js";

const POLL_EVERY_MS = 10_000;
const AWAY_MS = 20_000;

const card = document.querySelector("[data-ticket]");
const bar = document.getElementById("progress");
const steps = document.querySelectorAll("[data-step]");
const outlook = document.getElementById("outlook");

async function look() {
  try {
    const answer = await fetch(`/wp-json/smi/v1/job-status/${encodeURIComponent(card.dataset.ticket)}`, { cache: "no-store" });
    if (!answer.ok) return AWAY_MS;
    const { data } = await answer.json();
    if (changed(data)) return void location.reload();
    advance(data);
    return POLL_EVERY_MS;
  } catch {
    return AWAY_MS; // the network may be away; the order goes on without this page
  }
}

/** A refunded order says `failed` here, so the money is looked at too. */
const changed = (order) => `${order.status}/${order.payment_status}` !== card.dataset.shown;

function advance(order) {
  if (bar) bar.value = Math.max(bar.value, order.progress);
  if (!order.estimated_completion && outlook?.querySelector("time")) {
    outlook.textContent = outlook.dataset.late;
  }
  const at = [...steps].findIndex((step) => step.dataset.step === order.stage);
  if (at < 0) return;
  steps.forEach((step, number) => {
    step.className = number < at ? "done" : number === at ? "now" : "ahead";
    if (number === at) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
  });
}

async function follow() {
  const wait = await look();
  if (wait) setTimeout(follow, wait);
}

setTimeout(follow, POLL_EVERY_MS);
document.addEventListener("visibilitychange", () => document.hidden || look()); // back from another tab: show what is
