// Numbers and words as people read them, and elements made without parsing any HTML.
(() => {
  'use strict';
  const none = '–';
  const isNumber = (x) => typeof x === 'number' && Number.isFinite(x);

  const superscripts =
      {'-': '⁻', 0: '⁰', 1: '¹', 2: '²', 3: '³', 4: '⁴', 5: '⁵', 6: '⁶', 7: '⁷', 8: '⁸', 9: '⁹'};
  const superscript = (n) => [...String(n)].map((c) => superscripts[c]).join('');
  const minus = (text) => text.replace('-', '−');

  // Making a formatter is slow, using one is not.
  const formatters = new Map();
  function format(x, options) {
    const key = Object.values(options).join(' ') + Object.keys(options)[0];
    if (!formatters.has(key)) formatters.set(key, new Intl.NumberFormat('en-US', options));
    return minus(formatters.get(key).format(x));
  }

  // `digits` significant digits without an exponent: 0.0421, 33.7, 1,240.
  function digits(x, count = 3) {
    if (!isNumber(x)) return none;
    return format(x, {minimumSignificantDigits: count, maximumSignificantDigits: count});
  }

  // Counts of parameters and tokens: 8.03 k, 1.4 M, 5.5 B.
  const units = [[1e12, 'T'], [1e9, 'B'], [1e6, 'M'], [1e3, 'k']];
  function count(x, significant = 3) {
    if (!isNumber(x)) return none;
    const size = Math.abs(x);
    // 999,600 rounds to 1.00 M, not to 1,000 k.
    const rounded = size > 0 ? Number(size.toPrecision(significant)) : 0;
    const unit = units.find(([value]) => rounded >= value);
    if (!unit) return minus(String(Number(x.toPrecision(significant))));
    return `${digits(x / unit[0], significant)} ${unit[1]}`;
  }

  // The same for the ticks of an axis, without trailing zeros: 15 k, 1 M.
  function short(x) {
    const unit = units.find(([value]) => x >= value * 0.9999) || [1, ''];
    return `${Number((x / unit[0]).toPrecision(3))}\u2009${unit[1]}`.trim();
  }

  // FLOPs: 1.23 × 10¹³.
  function power(x, significant = 3) {
    if (!isNumber(x)) return none;
    if (x === 0) return '0';
    const [mantissa, exponent] = x.toExponential(significant - 1).split('e');
    const short = Number(mantissa) === 1 ? '' : `${minus(mantissa)} × `;
    return `${short}10${superscript(Number(exponent))}`;
  }

  const whole = (x) => (isNumber(x) ? format(x, {maximumFractionDigits: 0}) : none);
  const loss = (x, places = 3) => (isNumber(x) ? minus(x.toFixed(places)) : none);

  // A share as percent: 27 %, 3.9 %, −14 %.
  function percent(fraction, places = null) {
    if (!isNumber(fraction)) return none;
    const value = fraction * 100;
    const shown = places === null ? (Math.abs(value) < 9.95 ? 1 : 0) : places;
    return `${minus(value.toFixed(shown))} %`;
  }

  // One value at a precision that its interval supports: two digits of the interval's half width.
  function places(value, interval) {
    const known = (interval || []).filter(isNumber);
    const half = known.length ? Math.max(...known.map((end) => Math.abs(end - value))) : 0;
    if (!(half > 0)) return Math.max(0, 3 - Math.floor(Math.log10(Math.abs(value) || 1)) - 1);
    return Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(half))));
  }
  const fixed = (x, p) =>
      (isNumber(x) ? format(x, {minimumFractionDigits: p, maximumFractionDigits: p}) : none);
  const estimate = (value, interval) =>
      (isNumber(value) ? fixed(value, places(value, interval)) : none);
  // "[1.05, 1.20]"; an open end is shown as such.
  function interval(ends, show) {
    if (!Array.isArray(ends) || !ends.some(isNumber)) return '';
    return `[${isNumber(ends[0]) ? show(ends[0]) : 'open'}, ${
        isNumber(ends[1]) ? show(ends[1]) : 'open'}]`;
  }

  // "1.12 [1.05, 1.20]", or the value alone.
  const withInterval = (value, ends, show) => `${show(value)} ${interval(ends, show)}`.trim();

  function duration(seconds) {
    if (!isNumber(seconds)) return none;
    if (seconds < 1) return `${digits(seconds, 2)} s`;
    if (seconds < 120) return `${digits(seconds, seconds < 10 ? 2 : 3)} s`;
    if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
    if (seconds < 172800) return `${digits(seconds / 3600, 3)} h`;
    return `${digits(seconds / 86400, 3)} days`;
  }

  let names = null;
  function language(code) {
    if (!code) return 'an unnamed language';
    try {
      names = names || new Intl.DisplayNames(['en'], {type: 'language'});
      return names.of(code) || code;
    } catch {
      return code;  // not a language tag: shown as it was written
    }
  }

  function date(text) {
    const when = new Date(text);
    if (!text || Number.isNaN(when.getTime())) return text || none;
    return `${when.toISOString().slice(0, 10)} ${when.toISOString().slice(11, 16)} UTC`;
  }

  // An element; strings become text nodes, so that nothing in the data is ever parsed as HTML.
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (key.startsWith('on'))
        made.addEventListener(key.slice(2), value);
      else
        made.setAttribute(key, value === true ? '' : String(value));
    }
    made.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return made;
  }
  const fill = (id, ...children) => document.getElementById(id).replaceChildren(...children.flat());

  // Plotly reads a little HTML in its texts: names from the data must not become links there.
  const plain = (text) =>
      String(text ?? none).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

  crosslaw.format = {
    none,
    isNumber,
    digits,
    count,
    short,
    power,
    whole,
    loss,
    percent,
    places,
    fixed,
    estimate,
    interval,
    withInterval,
    duration,
    language,
    date,
    element,
    fill,
    plain,
  };
})();
