'use strict';
const level = JSON.parse(document.getElementById('data').textContent);
const scenes = [level, ...level.scenes]; // pictures that are played: that of the whole, and those of its clusters
const $ = id => document.getElementById(id);
const stage = $('stage'), picture = $('picture');
const SVG = 'http://www.w3.org/2000/svg';
const still = matchMedia('(prefers-reduced-motion: reduce)');
const dot = document.createElement('div');
dot.id = 'dot';
let frame = level.frames.length - 1, playing = false, last = 0;

// ---- the picture of a scene: what of it changes

let here = -1, data, shown, at = 0; // the scene, its data, what its frame shows, and how many steps are done
let svg, graph, offset, home, nodes, edges, tiles;
const make = (name, parent) => parent.appendChild(document.createElementNS(SVG, name));

function enter(k) {
  if (here >= 0) Object.assign(data, { at, kept: { svg, graph, offset, home, nodes, edges, tiles } });
  here = k;
  data = scenes[k];
  if (data.kept) {
    ({ svg, graph, offset, home, nodes, edges, tiles } = data.kept);
    picture.replaceChildren(svg, ...tiles.map(tile => tile.element), dot);
  } else {
    if (k) picture.replaceChildren($('scene' + k).content.querySelector('svg'));
    build();
  }
  at = data.at || 0;
  $('slider').max = data.steps.length;
  $('inside').hidden = data.within < 0;
  const names = [];
  for (let i = k; scenes[i].within >= 0; i = scenes[i].within) names.unshift(scenes[i].title);
  $('within').textContent = names.join(' › ');
  $('about').hidden = true;
  anew();
}
function build() {
  svg = picture.querySelector('svg');
  graph = svg.querySelector('g.graph');
  home = svg.viewBox.baseVal;
  const moved = graph.transform.baseVal.consolidate();
  offset = { x: moved ? moved.matrix.e : 0, y: moved ? moved.matrix.f : 0 };
  const boxes = data.nodes.map((_, i) => $('n' + i).getBBox()); // before anything is added
  nodes = data.nodes.map((about, i) => {
    const g = $('n' + i), act = () => about.opens ? open(i) : explain(i);
    const texts = g.querySelectorAll('text'), box = boxes[i];
    const wait = make('text', g);
    wait.setAttribute('class', 'wait');
    wait.setAttribute('x', box.x + 2);
    wait.setAttribute('y', box.y - 3);
    g.setAttribute('tabindex', '0');
    g.setAttribute('role', 'button');
    if (about.opens) g.setAttribute('aria-expanded', 'false');
    g.addEventListener('click', () => { if (!dragged) act(); });
    g.addEventListener('keydown', event => {
      if (event.key === 'Enter' || event.key === ' ') event.preventDefault();
      if (event.key === 'Enter') act();
    });
    g.addEventListener('keyup', event => { if (event.key === ' ') act(); }); // when it is let go, as a <button> does
    return { g, box, wait, grad: texts[texts.length - 1], data: texts[texts.length - 3], said: '' };
  });
  edges = {};
  for (const g of svg.querySelectorAll('g.edge')) {
    if (/^e\d+_\d+$/.test(g.id)) edges[g.id] = { g, path: g.querySelector('path'), said: '' };
  }
  tiles = [];
  const [lines, figures] = [measured('g.edge', 0), measured('g.node', 120)]; // 120: a hint above a small box
  tiled(lines.sort((a, b) => a.x - b.x));
  tiled(figures); // in their order, which is that of the Tab key
  picture.append(dot);
}
function anew() {
  shown = data.frames[frame];
  for (const id in edges) {
    const text = edges[id].g.querySelector('text');
    if (text && shown.edges[id]) text.textContent = shown.edges[id];
  }
}

// A cluster opens where its pass is: before it, at its forward pass's end, or where its adjoint arrives.
function open(i) {
  const { opens } = data.nodes[i], back = grad[i] !== null && waits[i] === 0, forward = known[i];
  play(false);
  enter(opens);
  begin();
  const begins = data.steps.findIndex(step => step.k === 's');
  show(back ? begins + 1 : forward ? begins : 0);
  $('close').focus();
}
function close() {
  const from = here;
  if (data.within < 0) return;
  play(false);
  enter(data.within);
  begin();
  show(at);
  nodes[data.nodes.findIndex(node => node.opens === from)].g.focus({ preventScroll: true });
}

// A browser lays out and paints an <svg> as a whole.  On tiles of their own, a step has only those done anew that it
// changes; the edges lie below the nodes.  A tile is as large as what is on it, in parts of the picture's size.
const SIDE = 900, MANY = 16, ROOM = 14; // of a tile: its longest side, what is on it, and room for bold lines and hints
function tiled(found) {
  let part = [], box = null;
  for (const { g, x, y, width, height } of found) {
    const l = x, t = y, r = x + width, b = y + height;
    const both = box && { l: Math.min(box.l, l), t: Math.min(box.t, t), r: Math.max(box.r, r), b: Math.max(box.b, b) };
    if (!both || part.length === MANY || both.r - both.l > SIDE || both.b - both.t > SIDE) {
      tile(part, box);
      [part, box] = [[g], { l, t, r, b }];
    } else {
      part.push(g);
      box = both;
    }
  }
  tile(part, box);
}
function tile(part, box) {
  if (!part.length) return;
  const x = box.l + offset.x - ROOM, y = box.t + offset.y - ROOM;
  const width = box.r - box.l + 2 * ROOM, height = box.b - box.t + 2 * ROOM;
  const element = picture.appendChild(document.createElement('div'));
  const sheet = element.appendChild(svg.cloneNode(false)), inner = sheet.appendChild(graph.cloneNode(false));
  element.className = 'tile';
  element.style.left = 100 * x / home.width + '%';
  element.style.top = 100 * y / home.height + '%';
  element.style.width = 100 * width / home.width + '%';
  element.style.height = 100 * height / home.height + '%';
  sheet.setAttribute('viewBox', [x, y, width, height].join(' '));
  sheet.setAttribute('role', 'group');
  sheet.removeAttribute('aria-label');
  inner.removeAttribute('id');
  inner.append(...part);
  tiles.push({ element, x, y, width, height, hidden: false });
}
const measured = (kind, least) => [...graph.querySelectorAll(kind)].map(g => {
  const { x, y, width, height } = g.getBBox();
  return { g, x, y, width: Math.max(width, least), height };
});
// ---- what is known at a step

let known, grad, waits, returned;
function forget() {
  known = data.nodes.map(node => node.leaf);
  grad = data.nodes.map(() => null);
  waits = data.nodes.map(node => node.uses);
  returned = {};
}
function learn(j) {
  const step = data.steps[j];
  if (step.k === 'f') known[step.n] = true;
  else if (step.k === 's') grad[step.n] = shown.steps[j].g;
  else { grad[step.m] = shown.steps[j].g; waits[step.m]--; returned[step.e] = true; }
}

function show(k, moving) {
  k = Math.max(0, Math.min(data.steps.length, k));
  const before = at ? data.steps[at - 1] : {}, step = k ? data.steps[k - 1] : null;
  const next = k === at + 1 && step.k !== 's'; // then all but what two steps are about stays as it is
  if (!next) forget();
  for (let j = next ? at : 0; j < k; j++) learn(j);
  at = k;
  const backward = step && step.k !== 'f';
  for (const i of next ? new Set([before.n, before.m, step.n, step.m]) : nodes.keys()) {
    if (i === undefined) continue;
    const node = nodes[i], now = step && (step.n === i || step.m === i);
    const value = known[i] ? shown.nodes[i].v : '?', slope = grad[i] === null ? '—' : grad[i];
    const left = backward && waits[i] > 0 ? 'waits for ' + waits[i] + (waits[i] > 1 ? ' returns' : ' return') : '';
    const full = backward && waits[i] === 0 && grad[i] !== null;
    const said = [now, known[i], value, slope, left, full].join();
    if (said === node.said) continue;
    node.said = said;
    node.g.classList.toggle('now', !!now);
    node.g.classList.toggle('later', !known[i]);
    node.g.classList.toggle('full', !!full);
    write(node.data, '\u00a0' + value);
    if (write(node.grad, '\u00a0' + slope)) node.grad.setAttribute('class', grad[i] === null ? 'none' : 'arrived');
    write(node.wait, left);
    node.g.setAttribute('aria-label', data.nodes[i].name + ': data ' + (known[i] ? value : 'not computed yet') +
      ', gradient ' + (grad[i] === null ? 'not arrived' : slope) + (left ? ', ' + left : ''));
  }
  for (const id of next ? [before.e, step.e] : Object.keys(edges)) {
    const said = step && step.e === id ? 'now' : returned[id] ? 'returned' : '';
    if (!edges[id] || said === edges[id].said) continue;
    edges[id].said = said;
    edges[id].g.classList.toggle('now', said === 'now');
    edges[id].g.classList.toggle('returned', said === 'returned');
  }
  if (!playing || performance.now() - told >= 100) tell();
  if (step) follow(nodes[step.m === undefined ? step.n : step.m].box);
  fly(moving && step && step.e);
}

// The words of a step, and the slider; ten times a second where it plays faster, as nobody reads more.
let told = 0;
function tell() {
  const step = at ? data.steps[at - 1] : null, lines = step ? shown.steps[at - 1].t : data.first;
  told = performance.now();
  write($('where'), !step ? 'Start' : step.k !== 'f' ? 'Backward pass' : 'Forward pass');
  fill($('said'), lines);
  $('slider').value = at;
  $('slider').setAttribute('aria-valuetext', 'step ' + at + ' of ' + data.steps.length + ': ' + lines[0]);
  write($('count'), at + ' of ' + data.steps.length);
}

function write(place, text) {
  if (place.shown === text) return false;
  place.textContent = place.shown = text;
  return true;
}

function fill(place, lines) {
  while (place.children.length > lines.length) place.lastChild.remove();
  lines.forEach((line, i) => write(place.children[i] || place.appendChild(document.createElement('p')), line));
}

// the return travels against the arrow, from the result to the operand
function fly(id) {
  dot.getAnimations().forEach(flight => flight.cancel());
  const speed = +$('speed').value, edge = edges[id];
  if (!edge || !speed || still.matches) return;
  const length = edge.path.getTotalLength();
  const way = Array.from({ length: 17 }, (_, k) => edge.path.getPointAtLength(length * (1 - k / 16)));
  dot.animate(way.map(point => ({ transform: `translate(${px(point.x + offset.x)}px, ${px(point.y + offset.y)}px)`,
    visibility: 'visible' })), { duration: 600 / speed });
}

function explain(i) {
  const node = data.nodes[i], back = [];
  data.steps.forEach((step, j) => {
    if ((step.k === 'r' && step.m === i) || (step.k === 's' && step.n === i)) back.push(shown.steps[j].t);
  });
  $('about').hidden = false;
  $('node').textContent = node.name;
  const told = back.slice(0, 8).flatMap(lines => lines.slice(1).filter(line => !line.includes(' waits for ')));
  if (back.length > 8) told.push('… ' + (back.length - 8) + ' further returns');
  fill($('explained'), [shown.nodes[i].t, ...told,
    back.length > 1 ? back.length + ' returns add up to ' + shown.nodes[i].g :
      back.length ? 'gradient ' + shown.nodes[i].g : 'no gradient arrives here']);
  $('about').scrollIntoView({ block: 'nearest' });
}

// ---- playing

function play(on) {
  playing = on;
  if (on && at === data.steps.length) show(0);
  $('play').textContent = on ? '‖ Pause' : '▶ Play';
  $('play').setAttribute('aria-label', on ? 'Pause' : 'Play');
  $('said').setAttribute('aria-live', on ? 'off' : 'polite');
  last = 0;
  ready();
  tell();
  if (on) requestAnimationFrame(tick);
}

function tick(time) {
  if (!playing) return;
  const speed = +$('speed').value;
  if (!speed || time - last >= 900 / speed) {
    last = time;
    show(at + 1, true);
    ready();
  }
  if (at === data.steps.length) play(false);
  else requestAnimationFrame(tick);
}

const go = (k, moving) => { play(false); show(k, moving); };
const keys = {
  ArrowRight: () => go(at + 1, true), ArrowLeft: () => go(at - 1), Home: () => go(0),
  End: () => go(data.steps.length), ' ': () => play(!playing),
  Escape: close, '+': () => zoom(1.25), '=': () => zoom(1.25), '-': () => zoom(0.8), '0': () => whole(),
};
$('start').onclick = keys.Home;
$('back').onclick = keys.ArrowLeft;
$('play').onclick = keys[' '];
$('forward').onclick = keys.ArrowRight;
$('end').onclick = keys.End;
$('slider').oninput = event => go(+event.target.value);
$('close').onclick = close;
$('in').onclick = keys['+'];
$('out').onclick = keys['-'];
$('fit').onclick = keys['0'];
$('theme').onclick = () => {
  const root = document.documentElement.classList;
  const dark = root.contains('dark') || (!root.contains('light') && matchMedia('(prefers-color-scheme: dark)').matches);
  root.toggle('dark', !dark);
  root.toggle('light', dark);
};
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.altKey || event.metaKey || !keys[event.key]) return;
  if (event.target.matches(event.key === 'Escape' ? 'select' : 'select, summary, input') || (event.key === ' ' && event.target.matches('button, [role=button]'))) return;
  event.preventDefault();
  keys[event.key]();
});

// ---- zoom and pan: the picture is moved as a whole, without being painted anew

let view = { x: 0, y: 0, scale: 1 }, near = false, dragged = false, begun = false; // near: not all of it is to be seen
let room = { w: stage.clientWidth, h: stage.clientHeight };
function px(length) { return length * view.scale; }
function look() {
  picture.style.width = Math.round(px(home.width)) + 'px';
  picture.style.height = Math.round(px(home.height)) + 'px';
  picture.style.transform = `translate(${Math.round(view.x)}px, ${Math.round(view.y)}px)`;
  ready();
}
// While it plays, tiles far outside of what is to be seen are not painted; those next to it are readied one a frame.
function ready() {
  const seen = tile => [
    Math.max(-view.x - px(tile.x + tile.width), view.x + px(tile.x) - room.w) / room.w,
    Math.max(-view.y - px(tile.y + tile.height), view.y + px(tile.y) - room.h) / room.h,
  ];
  let one = true;
  for (const tile of tiles) {
    const far = Math.max(...seen(tile)), hidden = playing && far > (tile.hidden ? 0.4 : 0.8);
    if (hidden === tile.hidden || (tile.hidden && playing && far > 0 && !one)) continue;
    if (tile.hidden && far > 0) one = false;
    tile.hidden = hidden;
    tile.element.style.contentVisibility = hidden ? 'hidden' : '';
  }
}
function whole() {
  near = false;
  view.scale = Math.min(room.w / home.width, room.h / home.height, 2); // a small graph need not fill the page
  view.x = (room.w - px(home.width)) / 2;
  view.y = (room.h - px(home.height)) / 2;
  look();
}
function zoom(factor, cx = room.w / 2, cy = room.h / 2) {
  near = true;
  view = { x: cx - (cx - view.x) * factor, y: cy - (cy - view.y) * factor, scale: view.scale * factor };
  look();
}
function centre(box) {
  // as far as the picture goes: beyond its edge there is nothing to be seen
  const within = (start, size, most) => size < most ? (most - size) / 2 : Math.max(most - size, Math.min(0, start));
  view.x = within(room.w / 2 - px(box.x + offset.x + box.width / 2), px(home.width), room.w);
  view.y = within(room.h / 2 - px(box.y + offset.y + box.height / 2), px(home.height), room.h);
  look();
}
let followed = 0;
function follow(box) {
  const now = performance.now();
  if (!near || (playing && now - followed < 500)) return; // what jumps from frame to frame cannot be read
  const x = view.x + px(box.x + offset.x), y = view.y + px(box.y + offset.y);
  if (x < 20 || x + px(box.width) > room.w - 20 || y < 20 || y + px(box.height) > room.h - 20) {
    followed = now;
    centre(box);
  }
}
new ResizeObserver(() => {
  room = { w: stage.clientWidth, h: stage.clientHeight };
  if (!room.w || !room.h) return; // in a frame, it has no size at first
  if (!begun) begin();
  else if (!near) whole();
}).observe(stage);
let grip = null;
stage.addEventListener('pointerdown', event => { grip = { x: event.clientX, y: event.clientY }; dragged = false; });
addEventListener('pointermove', event => {
  if (!grip) return;
  const [dx, dy] = [event.clientX - grip.x, event.clientY - grip.y];
  if (Math.abs(dx) + Math.abs(dy) < 4 && !dragged) return;
  dragged = near = true;
  view.x += dx;
  view.y += dy;
  grip = { x: event.clientX, y: event.clientY };
  look();
});
addEventListener('pointerup', () => { grip = null; });
stage.addEventListener('wheel', event => {
  event.preventDefault();
  const box = stage.getBoundingClientRect();
  zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, event.clientX - box.x, event.clientY - box.y);
}, { passive: false });
function begin() {
  begun = true;
  picture.style.setProperty('--ratio', home.width / home.height);
  whole();
  if (view.scale < 0.6) { // too small to read as a whole: near where it begins, and on to where it happens
    zoom(0.9 / view.scale);
    centre(nodes[0].box);
  }
}

// ---- training, one frame a step of it

if ($('frame')) {
  $('frame').oninput = event => {
    frame = +event.target.value;
    anew();
    $('frameabout').textContent = shown.about;
    show(at);
    paint();
  };
}
function paint() {
  const canvas = $('boundary');
  if (!canvas) return;
  const field = level.frames[frame].field, rows = field.length, ink = canvas.getContext('2d');
  const [w, h] = [canvas.width / field[0].length, canvas.height / rows];
  ink.clearRect(0, 0, canvas.width, canvas.height);
  field.forEach((row, r) => row.forEach((v, c) => {
    if (v === null) return; // nan
    const t = Math.max(-1, Math.min(1, v)), s = Math.round(255 - 135 * Math.abs(t));
    ink.fillStyle = t < 0 ? `rgb(255,${s + 20 > 255 ? 255 : s + 20},${s})` : `rgb(${s},${s + 20 > 255 ? 255 : s + 20},255)`;
    ink.fillRect(c * w, canvas.height - (r + 1) * h, w + 1, h + 1);
  }));
  for (const [x, y, mark] of level.points) {
    if (x === null || y === null || mark === null) continue;
    ink.beginPath();
    if (mark > 0) ink.arc(x * canvas.width, (1 - y) * canvas.height, 4, 0, 7);
    else ink.rect(x * canvas.width - 4, (1 - y) * canvas.height - 4, 8, 8);
    ink.fillStyle = mark > 0 ? '#0550ae' : '#8a3b00';
    ink.fill();
    ink.strokeStyle = '#ffffff';
    ink.stroke();
  }
}
paint();
enter(0);
show(0);
