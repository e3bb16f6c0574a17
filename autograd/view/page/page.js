'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const $ = id => document.getElementById(id);
const stage = $('stage'), svg = stage.querySelector('svg');
const SVG = 'http://www.w3.org/2000/svg';
const still = matchMedia('(prefers-reduced-motion: reduce)');
let frame = data.frames.length - 1, shown = data.frames[frame];
let at = 0, playing = false, last = 0, travel = null;

// ---- the picture: what of it changes

const make = (name, parent) => parent.appendChild(document.createElementNS(SVG, name));
const boxes = data.nodes.map((_, i) => $('n' + i).getBBox()); // before anything is added
const nodes = data.nodes.map((_, i) => {
  const g = $('n' + i);
  const texts = g.querySelectorAll('text'), box = boxes[i];
  const wait = make('text', g);
  wait.setAttribute('class', 'wait');
  wait.setAttribute('x', box.x + 2);
  wait.setAttribute('y', box.y - 3);
  g.setAttribute('tabindex', '0');
  g.setAttribute('role', 'button');
  g.addEventListener('click', () => { if (!dragged) explain(i); });
  g.addEventListener('keydown', event => {
    if (event.key === 'Enter') { explain(i); event.preventDefault(); }
  });
  return { g, box, wait, grad: texts[texts.length - 1], data: texts[texts.length - 3], said: '' };
});
const edges = {};
for (const g of svg.querySelectorAll('g.edge')) {
  if (!/^e\d+_\d+$/.test(g.id)) continue;
  const path = g.querySelector('path'), length = path.getTotalLength();
  // asked for once: later on, it would have the whole picture laid out anew
  edges[g.id] = { g, points: Array.from({ length: 17 }, (_, k) => path.getPointAtLength(length * (1 - k / 16))), said: '' };
}
const dot = make('circle', svg.querySelector('g.graph'));
dot.id = 'dot';
dot.setAttribute('r', 5);
dot.setAttribute('visibility', 'hidden');

// ---- what is known at a step

function state(k) {
  const known = data.nodes.map(node => node.leaf), grad = data.nodes.map(() => null);
  const waits = data.nodes.map(node => node.uses), returned = {};
  for (let j = 0; j < k; j++) {
    const step = data.steps[j];
    if (step.k === 'f') known[step.n] = true;
    else if (step.k === 's') grad[step.n] = shown.steps[j].g;
    else { grad[step.m] = shown.steps[j].g; waits[step.m]--; returned[step.e] = true; }
  }
  return { known, grad, waits, returned };
}

function show(k, moving) {
  at = Math.max(0, Math.min(data.steps.length, k));
  const { known, grad, waits, returned } = state(at), step = at ? data.steps[at - 1] : null;
  const backward = step && step.k !== 'f';
  nodes.forEach((node, i) => {
    const now = step && (step.n === i || step.m === i);
    const value = known[i] ? shown.nodes[i].v : '?', slope = grad[i] === null ? '—' : grad[i];
    const left = backward && waits[i] > 0 ? 'waits for ' + waits[i] + (waits[i] > 1 ? ' returns' : ' return') : '';
    const full = backward && waits[i] === 0 && grad[i] !== null;
    const said = [now, known[i], value, slope, left, full].join();
    if (said === node.said) return;
    node.said = said;
    node.g.classList.toggle('now', !!now);
    node.g.classList.toggle('later', !known[i]);
    node.g.classList.toggle('full', !!full);
    write(node.data, '\u00a0' + value);
    if (write(node.grad, '\u00a0' + slope)) node.grad.setAttribute('class', grad[i] === null ? 'none' : 'arrived');
    write(node.wait, left);
    node.g.setAttribute('aria-label', data.nodes[i].name + ': data ' + (known[i] ? value : 'not computed yet') +
      ', gradient ' + (grad[i] === null ? 'not arrived' : slope) + (left ? ', ' + left : ''));
  });
  for (const id in edges) {
    const said = step && step.e === id ? 'now' : returned[id] ? 'returned' : '';
    if (said === edges[id].said) continue;
    edges[id].said = said;
    edges[id].g.classList.toggle('now', said === 'now');
    edges[id].g.classList.toggle('returned', said === 'returned');
  }
  const lines = step ? shown.steps[at - 1].t : data.first;
  $('where').textContent = !step ? 'Start' : backward ? 'Backward pass' : 'Forward pass';
  fill($('said'), lines);
  $('slider').value = at;
  $('slider').setAttribute('aria-valuetext', 'step ' + at + ' of ' + data.steps.length + ': ' + lines[0]);
  $('count').textContent = at + ' of ' + data.steps.length;
  const points = step && step.e && edges[step.e] ? edges[step.e].points : null;
  travel = moving && points && !still.matches && +$('speed').value ? { points, begun: performance.now() } : null;
  if (!travel) dot.setAttribute('visibility', 'hidden');
  if (travel) requestAnimationFrame(fly);
  if (step) follow(nodes[step.m === undefined ? step.n : step.m].box);
}

function write(place, text) {
  if (place.shown === text) return false;
  place.textContent = place.shown = text;
  return true;
}

function fill(place, lines) {
  place.replaceChildren(...lines.map(line => {
    const p = document.createElement('p');
    p.textContent = line;
    return p;
  }));
}

// the return travels against the arrow, from the result to the operand
function fly(time) {
  if (!travel) return;
  const done = Math.max(0, Math.min(1, (time - travel.begun) / (600 / +$('speed').value || 600)));
  const k = Math.min(15, Math.floor(done * 16)), [from, to] = [travel.points[k], travel.points[k + 1]], t = done * 16 - k;
  dot.setAttribute('cx', from.x + (to.x - from.x) * t);
  dot.setAttribute('cy', from.y + (to.y - from.y) * t);
  dot.setAttribute('visibility', 'visible');
  if (done < 1) requestAnimationFrame(fly);
  else { travel = null; dot.setAttribute('visibility', 'hidden'); }
}

function explain(i) {
  const node = data.nodes[i], back = [];
  data.steps.forEach((step, j) => {
    if ((step.k === 'r' && step.m === i) || (step.k === 's' && step.n === i)) back.push(shown.steps[j].t);
  });
  $('about').hidden = false;
  $('node').textContent = node.name;
  fill($('explained'), [shown.nodes[i].t, ...back.flatMap(lines => lines.slice(1)),
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
  if (on) requestAnimationFrame(tick);
}

function tick(time) {
  if (!playing) return;
  const speed = +$('speed').value;
  if (!speed || time - last >= 900 / speed) {
    last = time;
    show(at + 1, true);
  }
  if (at === data.steps.length) play(false);
  else requestAnimationFrame(tick);
}

const go = (k, moving) => { play(false); show(k, moving); };
const keys = {
  ArrowRight: () => go(at + 1, true), ArrowLeft: () => go(at - 1), Home: () => go(0),
  End: () => go(data.steps.length), ' ': () => play(!playing),
  '+': () => zoom(1.25), '=': () => zoom(1.25), '-': () => zoom(0.8), '0': () => whole(),
};
$('start').onclick = keys.Home;
$('back').onclick = keys.ArrowLeft;
$('play').onclick = keys[' '];
$('forward').onclick = keys.ArrowRight;
$('end').onclick = keys.End;
$('slider').oninput = event => go(+event.target.value);
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
  if (event.target.matches('select, summary, input') || (event.key === ' ' && event.target.matches('button'))) return;
  event.preventDefault();
  keys[event.key]();
});

// ---- zoom and pan, by the view box

const all = svg.viewBox.baseVal, home = { x: all.x, y: all.y, w: all.width, h: all.height };
let view = { ...home }, near = false, dragged = false;
function look() { svg.setAttribute('viewBox', [view.x, view.y, view.w, view.h].join(' ')); }
function whole() {
  view = { ...home };
  near = false;
  if (scale() > 2) zoom(2 / scale()); // a small graph need not fill the page
  near = false;
  look();
}
function zoom(factor, cx = view.x + view.w / 2, cy = view.y + view.h / 2) {
  near = true;
  view = { x: cx - (cx - view.x) / factor, y: cy - (cy - view.y) / factor, w: view.w / factor, h: view.h / factor };
  look();
}
let room = { w: stage.clientWidth, h: stage.clientHeight };
let begun = false;
new ResizeObserver(() => {
  room = { w: stage.clientWidth, h: stage.clientHeight };
  if (!begun && room.w && room.h) begin(); // in a frame, it has no size at first
}).observe(stage);
function scale() { return Math.min(room.w / view.w, room.h / view.h); }
function follow(box) {
  if (!near) return;
  const [w, h] = [room.w / scale(), room.h / scale()];
  const x = view.x + view.w / 2 - w / 2, y = view.y + view.h / 2 - h / 2;
  const by = offset.y;
  if (box.x < x + 20 || box.x + box.width > x + w - 20 || box.y + by < y + 20 || box.y + by + box.height > y + h - 20) {
    view.x = box.x + box.width / 2 - view.w / 2;
    view.y = box.y + by + box.height / 2 - view.h / 2;
    look();
  }
}
const moved = svg.querySelector('g.graph').transform.baseVal.consolidate();
const offset = { x: moved ? moved.matrix.e : 0, y: moved ? moved.matrix.f : 0 };
let grip = null;
stage.addEventListener('pointerdown', event => { grip = { x: event.clientX, y: event.clientY }; dragged = false; });
addEventListener('pointermove', event => {
  if (!grip) return;
  const [dx, dy] = [event.clientX - grip.x, event.clientY - grip.y];
  if (Math.abs(dx) + Math.abs(dy) < 4 && !dragged) return;
  dragged = near = true;
  view.x -= dx / scale();
  view.y -= dy / scale();
  grip = { x: event.clientX, y: event.clientY };
  look();
});
addEventListener('pointerup', () => { grip = null; });
stage.addEventListener('wheel', event => {
  event.preventDefault();
  const box = svg.getBoundingClientRect(), s = scale();
  zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, view.x + view.w / 2 + (event.clientX - box.x - box.width / 2) / s,
    view.y + view.h / 2 + (event.clientY - box.y - box.height / 2) / s);
}, { passive: false });
function begin() {
  begun = true;
  whole();
  if (scale() < 0.6) { // too small to read as a whole: near where it begins, and on to where it happens
    zoom(0.9 / scale(), nodes[0].box.x + nodes[0].box.width / 2, nodes[0].box.y + offset.y);
  }
}

// ---- training, one frame a step of it

if ($('frame')) {
  $('frame').oninput = event => {
    frame = +event.target.value;
    shown = data.frames[frame];
    nodes.forEach(node => { node.said = ''; });
    for (const id in edges) {
      const text = edges[id].g.querySelector('text');
      if (text && shown.edges[id]) text.textContent = shown.edges[id];
    }
    $('frameabout').textContent = shown.about;
    show(at);
    paint();
  };
}
function paint() {
  const canvas = $('boundary');
  if (!canvas) return;
  const field = shown.field, rows = field.length, ink = canvas.getContext('2d');
  const [w, h] = [canvas.width / field[0].length, canvas.height / rows];
  field.forEach((row, r) => row.forEach((v, c) => {
    const t = Math.max(-1, Math.min(1, v)), s = Math.round(255 - 135 * Math.abs(t));
    ink.fillStyle = t < 0 ? `rgb(255,${s + 20 > 255 ? 255 : s + 20},${s})` : `rgb(${s},${s + 20 > 255 ? 255 : s + 20},255)`;
    ink.fillRect(c * w, canvas.height - (r + 1) * h, w + 1, h + 1);
  }));
  for (const [x, y, mark] of data.points) {
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
show(0);
