// Saving figures as SVG and PNG, tables as CSV, and copying text.

function download(name, content, type) {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], {type}));
  const link = el("a", {href: address, download: name});
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

const fileName = text => text.replace(/[^\w.-]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 80) || "figure";

const drawnStyles = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "opacity", "font-family", "font-size", "font-weight", "text-anchor"];

/** A figure as a document of its own: styles of the page become attributes, the paper becomes a rectangle. */
function standalone(svg) {
  const copy = svg.cloneNode(true);
  const [here, there] = [svg, copy].map(root => [root, ...root.querySelectorAll("*")]);
  here.forEach((element, number) => {
    const style = getComputedStyle(element);
    for (const name of drawnStyles) {
      const value = style.getPropertyValue(name);
      if (value && !(name === "stroke-dasharray" && value === "none")) there[number].setAttribute(name, value);
    }
    for (const name of ["class", "style", "tabindex", "role"]) there[number].removeAttribute(name);
  });
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  // The scale of structure drawings is finer than a pixel.
  const across = Math.max(svg.getBoundingClientRect().width, 200), down = across * height / width;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", across);
  copy.setAttribute("height", down);
  copy.removeAttribute("aria-label");
  copy.prepend(el("title", {}, svg.getAttribute("aria-label") || ""), el("rect", {width, height, fill: getComputedStyle(document.body).backgroundColor}));
  return {text: new XMLSerializer().serializeToString(copy), across, down};
}

function saveSvg(svg, name) {
  download(`${fileName(name)}.svg`, standalone(svg).text, "image/svg+xml");
}

const pixels = 2;  // of a PNG for each of the page: sharp in print

async function pngOf(svg) {
  const {text, across, down} = standalone(svg);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = el("canvas", {width: Math.ceil(across * pixels), height: Math.ceil(down * pixels)});
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise(done => canvas.toBlob(done, "image/png"));
}

/** Buttons that save a figure. `find` gives its SVG element when a button is pressed. */
function saveButtons(find, name) {
  const title = () => typeof name === "function" ? name() : name;
  return el("span", {class: "save"},
    el("button", {type: "button", "aria-label": "Save the figure as SVG", click: () => { const svg = find(); if (svg) saveSvg(svg, title()); }}, "SVG"),
    el("button", {type: "button", "aria-label": "Save the figure as PNG", click: async () => { const svg = find(); if (svg) download(`${fileName(title())}.png`, await pngOf(svg)); }}, "PNG"));
}

const csvCell = value => {
  const text = known(value) ? String(value) : "";
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
const csvText = rows => "\ufeff" + rows.map(row => row.map(csvCell).join(",")).join("\r\n") + "\r\n";

function csvButton(rows, name) {
  return el("button", {type: "button", class: "csv", "aria-label": "Save the table as CSV", click: () => download(`${fileName(typeof name === "function" ? name() : name)}.csv`, csvText(rows()), "text/csv")}, "CSV");
}

/** The text of a table that is in the page as it is shown. */
function cellsOf(tableElement) {
  return [...tableElement.rows].map(row => [...row.cells].map(cell => cell.textContent.trim()));
}

/** A button below each table that is not drawn by the script. */
function addCsvButtons() {
  for (const frame of document.querySelectorAll("main .scroll")) {
    if (frame.closest("#features")) continue;
    const content = frame.querySelector("table");
    if (content) frame.after(el("p", {class: "tools hover"}, csvButton(() => cellsOf(content), frame.getAttribute("aria-label") || "table")));
  }
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = el("textarea", {style: "position:fixed;opacity:0"});
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

function copyButton(text, what, label = "copy") {
  return el("button", {type: "button", class: "copy", "aria-label": `Copy the ${what}`, click: async event => {
    event.stopPropagation();
    const button = event.currentTarget;
    await copyText(typeof text === "function" ? text() : text);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = label; }, 1200);
  }}, label);
}
