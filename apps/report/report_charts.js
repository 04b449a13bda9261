// What all figures share: colours, axes, panels, shaded lines, export, and the record of what was
// drawn.
(() => {
  'use strict';
  const {element, fill, isNumber, plain, count, power, short} = crosslaw.format;
  const shades = 12;  // bins of size per colour family: enough to read, few enough to draw fast
  const figures = new Map();
  const status =
      {rendered: [], missing: {}, errors: crosslaw.errors, readable: null, milliseconds: null};

  // Colours live in the style sheet alone, light and dark.
  const colour = (name) =>
      getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  function mix(from, to, t) {
    const [a, b] = [channels(from), channels(to)];
    return `rgb(${a.map((value, i) => Math.round(value + (b[i] - value) * t)).join(', ')})`;
  }
  // Small models pale, large ones deep; in the dark the other way round.
  function shade(kind, position) {
    const [small, middle, large] =
        ['small', 'middle', 'large'].map((stop) => colour(`${kind}-${stop}`));
    return position < 0.5 ? mix(small, middle, position * 2) : mix(middle, large, position * 2 - 1);
  }
  const faint = (hex, opacity) => `rgba(${channels(hex).join(', ')}, ${opacity})`;

  // Where a size stands between the smallest and the largest, on a log scale: 0 to 1.
  function sizeScale(sizes) {
    const known = sizes.filter((n) => isNumber(n) && n > 0);
    const low = Math.min(...known), high = Math.max(...known);
    const position = (n) =>
        (high > low && isNumber(n) ? Math.log(n / low) / Math.log(high / low) : 1);
    const bin = (n) => Math.min(shades - 1, Math.floor(position(n) * shades));
    return {low, high, position, bin, shadeOf: (kind, n) => shade(kind, (bin(n) + 0.5) / shades)};
  }

  // The x and y of a line. A cooled-down end hangs off its trunk, so the line goes back after it;
  // a new run of the same curve starts a new line.
  function path(points) {
    const line = {x: [], y: [], hovertext: []};
    const add = (p) => {
      line.x.push(p ? p.x : null);
      line.y.push(p ? p.y : null);
      line.hovertext.push(p ? p.text : '');
    };
    let last = null, trunk = null;
    for (const point of points.filter((p) => isNumber(p.x) && isNumber(p.y))) {
      if (last && point.x < last.x) {
        add(null);
        trunk = null;
      } else if (last && last.end) {
        add(null);
        if (trunk) add(trunk);
      }
      add(point);
      if (!point.end) trunk = point;
      last = point;
    }
    add(null);
    return line;
  }

  // Any number of lines in at most `shades` traces: one trace a line would crawl at 500 runs.
  function shadedLines(curves, scale, kind, style = {}) {
    const bins = new Map();
    for (const curve of curves) {
      const bin = scale.bin(curve.params);
      if (!bins.has(bin)) bins.set(bin, {x: [], y: [], hovertext: [], params: curve.params});
      const line = path(curve.points);
      for (const key of ['x', 'y', 'hovertext']) bins.get(bin)[key].push(...line[key]);
    }
    return [...bins]
        .sort((a, b) => a[0] - b[0])
        .map(([, group]) => ({
               type: 'scatter',
               mode: 'lines',
               x: group.x,
               y: group.y,
               hovertext: group.hovertext,
               hoverinfo: 'text',
               line: {color: scale.shadeOf(kind, group.params), width: 1.2},
               connectgaps: false,
               ...style,
             }));
  }

  const font = (size, name = 'muted') => ({
    family: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif',
    size,
    color: colour(name)
  });
  // Labels of a log axis of counts: 1, 2, 5 where they have room, whole powers where not.
  function countTicks([low, high]) {
    const few = high - low < 3.2 ? [1, 2, 5] : [1];
    return tickList(low, high, high - low < 0.9 ? [1, 1.5, 2, 3, 4, 5, 7] : few, short);
  }
  // The same for FLOPs, whose labels are long: whole powers as soon as there are two of them.
  function powerTicks([low, high]) {
    if (high - low < 1.7)
      return tickList(low, high, high - low < 0.8 ? [1, 2, 4, 7] : [1, 3], (x) => power(x, 1));
    const minor = {dtick: 'D1', ticks: 'outside', ticklen: 2, tickcolor: colour('line')};
    return {dtick: 1, minor};
  }
  function tickList(low, high, mantissas, show) {
    const values = [];
    for (let k = Math.floor(low); k <= high; ++k) values.push(...mantissas.map((m) => m * 10 ** k));
    return {tickmode: 'array', tickvals: values, ticktext: values.map(show)};
  }
  // type "count" and "power" are log axes: of parameters or tokens, and of FLOPs. `over` are the
  // values to be shown.
  function axis({type = 'linear', over = null, title = '', ...more} = {}) {
    const log = type !== 'linear';
    const known = (over || [])
                      .filter((value) => isNumber(value) && (!log || value > 0))
                      .map((value) => (log ? Math.log10(value) : value));
    const ends = known.length ?
        [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))] :
        null;
    const pad = ends ? 0.04 * (ends[1] - ends[0]) || 0.1 : 0;
    const range = more.range || (ends && [ends[0] - pad, ends[1] + pad]);
    const labels = {count: countTicks, power: powerTicks}[type];
    const ticks = labels && range ? labels(range) : {};
    return {
      type: log ? 'log' : 'linear',
      ...(range ? {range} : {}),
      gridcolor: colour('grid'),
      linecolor: colour('line'),
      tickcolor: colour('line'),
      zerolinecolor: colour('line'),
      zeroline: false,
      ticks: 'outside',
      ticklen: 4,
      showline: true,
      tickfont: font(12),
      automargin: false,
      ticklabeloverflow: 'allow',
      exponentformat: type === 'power' ? 'power' : 'B',
      minexponent: 3,
      ...ticks,
      ...more,
      title: {text: title, font: font(13), standoff: 8},
    };
  }
  function layout(context, more = {}) {
    const panel = colour('panel');
    return {
      ...(context.print ? {width: 690} : {autosize: true}),
      paper_bgcolor: panel,
      plot_bgcolor: panel,
      font: font(12),
      showlegend: false,
      hovermode: 'closest',
      margin: {l: 58, r: 16, t: 36, b: 54},
      dragmode: context.touch ? false : 'zoom',
      hoverlabel: {
        bgcolor: colour('paper'),
        bordercolor: colour('line'),
        font: font(12, 'ink'),
        align: 'left'
      },
      ...more,
    };
  }
  // Side by side on a desk, stacked on a phone. Panel k uses the axes x{k+1} and y{k+1}.
  function panels(context, weights = [1, 1], gap = 0.09) {
    const total = weights.reduce((a, b) => a + b, 0);
    if (context.narrow) {
      const room = 0.13, each = (1 - room * (weights.length - 1)) / weights.length;
      return weights.map(
          (_, k) => ({x: [0, 1], y: [1 - k * (each + room) - each, 1 - k * (each + room)]}));
    }
    let at = 0;
    const width = 1 - gap * (weights.length - 1);
    return weights.map((weight) => {
      const place = {x: [at, at + (weight / total) * width], y: [0, 1]};
      at = place.x[1] + gap;
      return place;
    });
  }
  const height = (context, stacked = 2) => (context.narrow ? 350 * stacked : 480);
  // The name of the vertical axis, written across the top where it can be read without a stiff
  // neck.
  const panelTitle = (panel, text) => ({
    text: `<b>${text}</b>`,
    xref: 'paper',
    yref: 'paper',
    x: panel.x[0],
    y: panel.y[1],
    xanchor: 'left',
    yanchor: 'bottom',
    xshift: -48,
    yshift: 8,
    showarrow: false,
    align: 'left',
    font: font(13, 'ink'),
  });

  // A legend that says what the shades mean: one gradient per strategy, smallest to largest model.
  function sizeLegend(kind, scale) {
    if (!isNumber(scale.low) || scale.high <= scale.low) return [];
    return [
      element('span', {}, `${count(scale.low)} `), element('span', {class: `swatch ${kind}`}),
      element('span', {}, ` ${count(scale.high)} parameters`)
    ];
  }

  function save(name, text, type) {
    const link =
        element('a', {href: URL.createObjectURL(new Blob([text], {type})), download: name});
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
  const cell = (value) => {
    if (value === null || value === undefined) return '';
    // Text that a spreadsheet would run as a formula gets a leading quote.
    const text =
        typeof value === 'string' ? value.replace(/^(?=[=+\-@\t\r])/, '\'') : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  const csv =
      (table) => [table.columns, ...table.rows].map((row) => row.map(cell).join(',')).join('\n') +
      '\n';

  function tools(id) {
    const plot = document.getElementById(`plot-${id}`);
    const image = (format) => () => Plotly.downloadImage(plot, {
      format,
      filename: `crosslaw-${id}`,
      width: Math.max(900, plot.clientWidth),
      height: plot.clientHeight,
      scale: format === 'png' ? 2 : 1,
    });
    const button = (label, title, onclick) =>
        element('button', {type: 'button', class: 'quiet', title, onclick}, label);
    // A finger that drags across a plot means to scroll the page, so there zooming is asked for; a
    // mouse zooms.
    const touch = window.matchMedia('(pointer: coarse)').matches;
    const [mode, usual, label, title] = touch ?
        ['zoom', false, 'Zoom', 'Drag to zoom in'] :
        ['pan', 'zoom', 'Pan', 'Drag to move; otherwise dragging zooms in'];
    const drag = button(label, title, () => {
      const on = drag.getAttribute('aria-pressed') !== 'true';
      drag.setAttribute('aria-pressed', String(on));
      Plotly.relayout(plot, {dragmode: on ? mode : usual});
    });
    drag.setAttribute('aria-pressed', 'false');
    return element(
        'div', {class: 'tools', role: 'group', 'aria-label': 'This figure'}, drag,
        button(
            'Reset', 'Back to the whole figure',
            () => {
              drag.setAttribute('aria-pressed', 'false');
              redraw(id, figures.get(id).context, true);
            }),
        button('PNG', 'Save this figure as a picture', image('png')),
        button('SVG', 'Save this figure as a drawing', image('svg')),
        button(
            'CSV', 'Save the numbers of this figure',
            () => save(`crosslaw-${id}.csv`, csv(figures.get(id).table()), 'text/csv')));
  }
  // Zoomed in far, prepared labels run out: plotly then makes its own.
  function mindTicks(plot) {
    plot.on('plotly_relayout', (change) => {
      const update = {};
      for (const [name, axisNow] of Object.entries(plot.layout)
               .filter(([key, value]) => /^[xy]axis/.test(key) && value.tickvals)) {
        const mode = axisNow.range[1] - axisNow.range[0] < 0.5 ? 'auto' : 'array';
        if (`${name}.tickmode` in change || axisNow.tickmode === mode || axisNow.type !== 'log')
          continue;
        update[`${name}.tickmode`] = mode;
      }
      if (Object.keys(update).length) Plotly.relayout(plot, update);
    });
  }

  // A section for which nothing was run is not there, nor is its link; the last section says why.
  const unrun = new Map();
  function showSection(id, shown, why) {
    const section = document.getElementById(id), name = section.dataset.nav;
    section.hidden = !shown;
    const link = document.querySelector(`#sections a[href="#${id}"]`);
    if (link) link.hidden = !shown;
    if (shown || !why)
      unrun.delete(name);
    else
      unrun.set(name, why);
    fill(
        'not-shown',
        unrun.size ?
            `Not shown, for nothing of the kind was run: ${
                    [...unrun].map(([title, reason]) => `${title} (${reason})`).join('; ')}.` :
            '');
  }

  // build(context) gives {traces, layout, height, table}, or {missing: "a sentence"} where
  // something is not there yet, or {unrun: "why"} where nothing was run: then its section is
  // hidden.
  function figure(id, build) {
    figures.set(id, {build, table: () => ({columns: [], rows: []}), context: null, tools: null});
  }

  function showMissing(plot, id, why) {
    if (plot.data) Plotly.purge(plot);
    plot.classList.add('missing');
    plot.removeAttribute('role');
    plot.style.height = '';
    fill(plot.id, element('p', {}, why));
    status.missing[id] = why;
  }

  // Plotly waits as text until the words and tables stand; as a script it is checked like any
  // other.
  let library = null;
  function loadLibrary() {
    library = library || new Promise((loaded) => {
                const compile = () => setTimeout(() => {
                  status.readable = Math.round(performance.now());
                  const source = document.getElementById('plotly-source').textContent;
                  document.head.append(element('script', {}, source));
                  loaded();
                }, 20);
                if (document.readyState === 'loading') {
                  document.addEventListener('DOMContentLoaded', compile);
                } else {
                  compile();
                }
              });
    return library;
  }

  async function redraw(id, context, afresh = false) {
    await loadLibrary();
    await draw(id, context, afresh);
  }
  // Everything but the promise of plotly happens at once: a page about to be printed cannot wait.
  async function draw(id, context, afresh) {
    const entry = figures.get(id), plot = document.getElementById(`plot-${id}`);
    entry.context = context;
    delete status.missing[id];
    status.rendered = status.rendered.filter((name) => name !== id);
    try {
      const made = typeof Plotly === 'undefined' ? {missing: 'The drawing library did not load.'} :
                                                   entry.build(context);
      if (!entry.tools) plot.after(entry.tools = tools(id));
      entry.tools.hidden = Boolean(made.missing || made.hidden || made.unrun);
      plot.hidden = Boolean(made.hidden || made.unrun);
      if (made.hidden) return;
      showSection(plot.closest('section').id, !made.unrun, made.unrun);
      if (made.unrun) {
        status.missing[id] = made.unrun;
        return;
      }
      if (made.missing) return showMissing(plot, id, made.missing);
      if (plot.classList.contains('missing')) fill(plot.id);
      plot.classList.remove('missing');
      plot.setAttribute('role', 'img');
      plot.setAttribute('aria-label', plot.dataset.alt);
      entry.table = made.table;
      plot.style.height = `${made.height}px`;
      // No tool bar of plotly's: its buttons could send the data to a server.
      const config = {
        responsive: true,
        displaylogo: false,
        displayModeBar: false,
        plotlyServerURL: '',
        doubleClick: 'reset'
      };
      if (afresh && plot.data) Plotly.purge(plot);
      const first = !plot.data;
      await Plotly.react(plot, made.traces, made.layout, config);
      if (first) mindTicks(plot);
      status.rendered.push(id);
    } catch (error) {
      crosslaw.note(`figure ${id}: ${error && error.message}`);
      showMissing(plot, id, 'This figure could not be drawn from the data of this report.');
    }
  }

  function publish() {
    status.milliseconds = Math.round(performance.now());
    document.getElementById('crosslaw-status').textContent =
        JSON.stringify(status).replace(/</g, '\\u003c');
    document.documentElement.dataset.plots = String(status.rendered.length);
    document.documentElement.dataset.errors = String(status.errors.length);
  }
  // For printing: the figures as wide as paper, without waiting for anything.
  function drawNow(context) {
    if (typeof Plotly === 'undefined') return;
    for (const id of figures.keys()) draw(id, context, false);
  }
  // One figure a task: the page can be read and scrolled while the lower ones are still drawn.
  let round = 0;
  async function drawAll(context) {
    const mine = ++round;
    delete document.documentElement.dataset.plots;
    for (const id of figures.keys()) {
      await new Promise((done) => setTimeout(done, 0));
      if (mine !== round) return;
      await redraw(id, context);
    }
    publish();
  }

  crosslaw.charts = {
    colour,
    faint,
    shade,
    sizeScale,
    shadedLines,
    font,
    axis,
    layout,
    panels,
    height,
    panelTitle,
    sizeLegend,
    figure,
    showSection,
    redraw,
    drawNow,
    drawAll,
    publish,
    csv,
    save,
    plain,
  };
})();
