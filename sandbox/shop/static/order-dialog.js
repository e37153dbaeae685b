// The dialog in which a customer picks a size and goes to pay; the same for our photographs and for uploads.

import { ApiError, post } from "./api.js";
import { rememberOrder } from "./remembered.js";

const PRINT_DOTS_PER_CM = 300 / 2.54;
const RESOLUTIONS = ["4x", "8x"];

const $ = (id) => document.getElementById(id);
const dialog = $("order");
const number = new Intl.NumberFormat("en-US");
const oneDecimal = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });

let subject = null;

/**
 * Show the dialog for `{title, src, alt, checkout: {route, fields}}` and fill in the sizes when `prices`
 * (a promise of `{pricing, image_info}`) answers. `onClose` runs when the customer leaves it.
 */
export async function openOrder(chosen, prices, onClose = () => {}) {
  if (dialog.open) await closed(); // an upload became ready while another photograph was being looked at
  subject = chosen;
  show(chosen);
  dialog.addEventListener("close", onClose, { once: true });
  dialog.showModal();
  try {
    const answer = await prices;
    if (subject === chosen) offer(answer);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (subject === chosen) refuse(error.message);
  }
}

const closed = () => new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));

function show({ title, src, alt }) {
  $("order-title").textContent = title;
  $("order-photo").src = src;
  $("order-photo").alt = alt;
  $("order-size").textContent = "\u00a0";
  $("order-error").textContent = "";
  $("order-sizes").setAttribute("aria-busy", "true");
  $("order-options").replaceChildren(...RESOLUTIONS.map(placeholder));
  setBuy("Buy", false);
  setForSale(true);
}

/** Without prices there is nothing to fill in: only the reason and the way out remain. */
function setForSale(forSale) {
  for (const id of ["order-sizes", "order-email", "buy", "order-terms"]) $(id).hidden = !forSale;
  $("order-close").textContent = forSale ? "Cancel" : "Close";
}

function placeholder() {
  const bar = document.createElement("div");
  bar.className = "waiting";
  return bar;
}

function offer({ pricing, image_info: info }) {
  $("order-size").textContent = `Now ${number.format(info.width)} × ${number.format(info.height)} pixels`;
  $("order-options").replaceChildren(
    ...RESOLUTIONS.filter((name) => pricing[name]).map((name, at) => sizeOption(name, pricing[name], at === 0)),
  );
  $("order-sizes").setAttribute("aria-busy", "false");
  namePrice();
}

function sizeOption(name, price, checked) {
  const { width, height } = price.output_dimensions;
  const label = document.createElement("label");
  label.className = "size";
  const radio = Object.assign(document.createElement("input"), { type: "radio", name: "resolution", value: name, checked });
  radio.dataset.price = dollars.format(price.customer_price);
  const text = span("size-name", `${Number.parseInt(name, 10)}× enlargement`);
  const detail = span("size-detail", `${number.format(width)} × ${number.format(height)} px, ${oneDecimal.format(price.output_megapixels)} megapixels`);
  detail.append(document.createElement("br"), `Sharp in print up to ${printCm(width)} × ${printCm(height)} cm`);
  label.append(radio, text, span("size-price", radio.dataset.price), detail);
  return label;
}

function span(className, text) {
  return Object.assign(document.createElement("span"), { className, textContent: text });
}

const printCm = (pixels) => number.format(Math.round(pixels / PRINT_DOTS_PER_CM));

const chosenSize = () => dialog.querySelector("input[name=resolution]:checked");

function namePrice() {
  const size = chosenSize();
  setBuy(size ? `Buy for ${size.dataset.price}` : "Buy", Boolean(size));
}

function setBuy(text, enabled) {
  $("buy").textContent = text;
  $("buy").disabled = !enabled;
}

function refuse(message) {
  setForSale(false);
  $("order-size").textContent = "";
  $("order-error").textContent = message;
}

async function buy(event) {
  event.preventDefault();
  const email = $("email");
  const valid = email.checkValidity();
  email.setAttribute("aria-invalid", String(!valid));
  $("order-error").textContent = valid ? "" : "This e-mail address does not look right. Correct it, or leave the field empty.";
  if (!valid) return email.focus();
  setBuy("One moment…", false);
  const chosen = subject;
  try {
    await checkout(chosen, email.value.trim());
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (subject !== chosen) return;
    $("order-error").textContent = error.message;
    namePrice();
  }
}

async function checkout(chosen, email) {
  const { route, fields } = chosen.checkout;
  const answer = await post(route, { ...fields, resolution: chosenSize().value, ...(email && { email }) });
  if (subject !== chosen) return; // closed meanwhile: an unpaid order charges nobody
  rememberOrder(answer.job_id, chosen);
  window.location.assign(answer.checkout_url);
}

$("order-form").addEventListener("submit", buy);
$("order-options").addEventListener("change", namePrice);
$("order-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
dialog.addEventListener("close", () => { subject = null; });
// Coming back from the payment page with the browser's own button shows the dialog as it was left.
window.addEventListener("pageshow", (event) => event.persisted && dialog.open && namePrice());
