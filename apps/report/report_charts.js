// How every figure looks: colours, axes, panels, lines shaded by size.
(() => {
  'use strict';
  const {element, isNumber, count, power, short} = crosslaw.format;
  const shades = 12;  // bins of size per colour family: enough to read, few enough to draw fast

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
  };
})();
