// Making elements and keeping lists of them in step with data.

/** The element of an id. */
export const byId = (id) => document.getElementById(id);

/** Makes an element: attributes by name, `on...` as listeners, children as nodes or text. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** The same of SVG. */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Sets a text only where it changed, so that nothing flickers and no reader speaks twice. */
export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

/** Sets an attribute only where it changed; null removes it. */
export function attribute(element, name, value) {
  if (value == null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/**
 * Keeps the children of a container in step with a list: elements stay where their items do, so
 * focus, selection and open details survive.
 */
export function keep(container, items, keyOf, create, update) {
  const known = (container.kept ??= new Map());
  const keys = new Set();
  let place = container.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    keys.add(key);
    let element = known.get(key);
    if (!element) {
      element = create(item);
      known.set(key, element);
    }
    update(element, item);
    if (element === place) place = place.nextElementSibling;
    else container.insertBefore(element, place);
  }
  for (const [key, element] of known) {
    if (!keys.has(key)) {
      element.remove();
      known.delete(key);
    }
  }
}

/**
 * A table that becomes a list of cards on a narrow screen: `columns` have a name, a class, and
 * `fill`, which puts an item into a cell.
 */
export function table(host, { columns, keyOf, caption, empty, detail }) {
  const head = make("tr", { role: "row" });
  for (const column of columns) {
    head.append(make("th", { scope: "col", role: "columnheader", class: column.class }, column.name));
  }
  const body = make("tbody", { role: "rowgroup" });
  const nothing = make("p", { class: "empty" }, empty);
  const whole = make(
    "table",
    { role: "table", "aria-label": caption },
    make("thead", { role: "rowgroup" }, head),
    body,
  );
  host.append(whole, nothing);
  const create = (item) => {
    const row = make("tr", { role: "row" });
    row.cells_ = columns.map((column) => {
      const cell = make("td", { role: "cell", class: column.class, "data-name": column.name });
      column.create?.(cell, item);
      row.append(cell);
      return cell;
    });
    return row;
  };
  return (items) => {
    whole.hidden = items.length === 0;
    nothing.hidden = items.length > 0;
    const rows = detail ? items.flatMap((item) => [item, { detailOf: item }]) : items;
    keep(
      body,
      rows,
      (item) => (item.detailOf ? `detail ${keyOf(item.detailOf)}` : keyOf(item)),
      (item) => (item.detailOf ? detail.create(item.detailOf, columns.length) : create(item)),
      (row, item) => {
        if (item.detailOf) detail.update(row, item.detailOf);
        else columns.forEach((column, index) => column.fill(row.cells_[index], item));
      },
    );
  };
}

/** A list of facts: name and value, `level` colours the value. */
export function facts(list, entries) {
  keep(
    list,
    entries.filter(Boolean),
    ([name]) => name,
    ([name]) => make("div", {}, make("dt", {}, name), make("dd")),
    (row, [, value, level]) => {
      text(row.lastElementChild, value);
      attribute(row.lastElementChild, "data-level", level);
    },
  );
}
