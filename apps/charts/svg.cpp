#include "apps/charts/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "db/files/utf8.h"

namespace crosslaw::charts {
namespace {

constexpr const char* kReplacement = "\xef\xbf\xbd";  // U+FFFD

// Two decimals at most; renderers compute in single precision.
std::string pixel(double value) {
  std::string text = fmt::format("{:.2f}", std::clamp(value, -1e5, 1e5));
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

bool finite(Spot spot) { return std::isfinite(spot.x) && std::isfinite(spot.y); }

std::string pen(const Stroke& stroke) {
  std::string out =
      fmt::format("stroke=\"{}\" stroke-width=\"{}\"", stroke.colour, pixel(stroke.width));
  if (stroke.dash == Dash::kDashed) out += " stroke-dasharray=\"6 4\"";
  if (stroke.dash == Dash::kDotted) out += " stroke-dasharray=\"1.5 3\"";
  return out;
}

// Length of the UTF-8 character that begins at `at`, 0 when it is broken or not allowed in XML.
std::size_t character_length(std::string_view text, std::size_t at) {
  const std::size_t length = db::utf8_length(text, at);
  const std::string_view character = text.substr(at, length);
  // XML has no control characters, not even escaped; names come from people's files.
  const bool control = character < " " || (character >= "\x7f" && character < "\xc2\xa0");
  const bool no_character = character == "\xef\xbf\xbe" || character == "\xef\xbf\xbf";
  return control || no_character ? 0 : length;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = character_length(text, at);
    const char c = text[at];
    if (length == 0) {
      out += c == '\n' || c == '\t' ? " " : kReplacement;
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else {
      out += text.substr(at, length);
    }
    at += std::max<std::size_t>(length, 1);
  }
  return out;
}

std::string shortened(std::string_view text, std::size_t most) {
  std::size_t characters = 0;
  std::size_t cut = 0;
  for (std::size_t at = 0; at < text.size(); ++characters) {
    if (characters + 1 == most) cut = at;
    at += std::max<std::size_t>(character_length(text, at), 1);
  }
  if (characters <= most) return std::string(text);
  return std::string(text.substr(0, cut)) + "\xe2\x80\xa6";
}

double text_width(std::string_view text, double size) {
  const auto characters = std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  });
  // No font is at hand; 0.6 of the size is wide for the usual ones, so that labels do not overlap.
  return 0.6 * size * static_cast<double>(characters);
}

void Canvas::rectangle(const Box& box, const std::string& fill, const Stroke* stroke) {
  content_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"{}/>\n",
                          pixel(box.x), pixel(box.y), pixel(std::max(0.0, box.width)),
                          pixel(std::max(0.0, box.height)), fill, stroke ? " " + pen(*stroke) : "");
}

void Canvas::line(Spot from, Spot to, const Stroke& stroke) {
  if (!finite(from) || !finite(to)) return;
  content_ += fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" {}/>\n", pixel(from.x),
                          pixel(from.y), pixel(to.x), pixel(to.y), pen(stroke));
}

void Canvas::polyline(const std::vector<Spot>& spots, const Stroke& stroke) {
  std::string path;
  bool drawing = false;
  for (const Spot& spot : spots) {
    if (finite(spot))
      path += fmt::format("{}{} {}", drawing ? "L" : "M", pixel(spot.x), pixel(spot.y));
    drawing = finite(spot);
  }
  if (path.empty()) return;
  content_ += fmt::format("<path d=\"{}\" fill=\"none\" {} stroke-linejoin=\"round\"/>\n", path,
                          pen(stroke));
}

void Canvas::polygon(const std::vector<Spot>& spots, const std::string& fill, double opacity) {
  std::string path;
  for (const Spot& spot : spots) {
    if (finite(spot))
      path += fmt::format("{}{} {}", path.empty() ? "M" : "L", pixel(spot.x), pixel(spot.y));
  }
  if (path.empty()) return;
  content_ += fmt::format("<path d=\"{}Z\" fill=\"{}\" fill-opacity=\"{}\"/>\n", path, fill,
                          pixel(opacity));
}

void Canvas::circle(Spot centre, double radius, const std::string& fill, const std::string& title) {
  if (!finite(centre)) return;
  content_ += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{}\"", pixel(centre.x),
                          pixel(centre.y), pixel(radius), fill);
  content_ += title.empty() ? "/>\n" : fmt::format("><title>{}</title></circle>\n", escaped(title));
}

void Canvas::text(Spot at, std::string_view content, const TextStyle& style) {
  if (!finite(at) || content.empty()) return;
  if (style.plate) {
    const double width = 0.9 * text_width(content, style.size) + 2;
    const double left = style.anchor == Anchor::kStart    ? at.x
                        : style.anchor == Anchor::kMiddle ? at.x - width / 2
                                                          : at.x - width;
    rectangle({left, at.y - 0.8 * style.size, width, 0.9 * style.size}, "#fff");
  }
  const char* anchor = style.anchor == Anchor::kStart    ? "start"
                       : style.anchor == Anchor::kMiddle ? "middle"
                                                         : "end";
  std::string more;
  if (style.bold) more += " font-weight=\"600\"";
  if (style.halo) {
    more += " stroke=\"#fff\" stroke-width=\"3\" stroke-linejoin=\"round\" paint-order=\"stroke\"";
  }
  if (style.angle != 0) {
    more += fmt::format(" transform=\"rotate({} {} {})\"", pixel(style.angle), pixel(at.x),
                        pixel(at.y));
  }
  content_ += fmt::format(
      "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\" text-anchor=\"{}\"{}>{}</text>\n",
      pixel(at.x), pixel(at.y), pixel(style.size), style.colour, anchor, more, escaped(content));
}

void Canvas::begin_clip(const Box& box, const std::string& id) {
  content_ += fmt::format("<clipPath id=\"{}\">", id);
  rectangle(box, "#000");
  content_ += fmt::format("</clipPath><g clip-path=\"url(#{})\">\n", id);
}

void Canvas::begin_marks(double opacity) {
  content_ += fmt::format(
      "<g stroke=\"#333\" stroke-width=\"0.5\" fill-opacity=\"{0}\" "
      "stroke-opacity=\"{0}\">\n",
      pixel(opacity));
}

void Canvas::end_group() { content_ += "</g>\n"; }

}  // namespace crosslaw::charts
