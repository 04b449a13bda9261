#include "apps/charts/figure.h"

#include <fmt/format.h>

#include <algorithm>

namespace crosslaw::charts {
namespace {

constexpr double kWidth = 480, kHeight = 410, kMargin = 16, kLineHeight = 18;
constexpr const char* kFonts = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";

// An <svg> element named for those who do not see it.
std::string element(double width, double height, const std::string& id, const std::string& title,
                    const std::string& description, const std::string& content) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "viewBox=\"0 0 {0:.0f} {1:.0f}\" role=\"img\" aria-labelledby=\"{2}-title {2}-desc\" "
      "font-family=\"{3}\">\n<title id=\"{2}-title\">{4}</title>\n<desc "
      "id=\"{2}-desc\">{5}</desc>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{6}"
      "</svg>\n",
      width, height, id, kFonts, escaped(title), escaped(description), content);
}

std::size_t columns_for(std::size_t panels) {
  return panels == 4 ? 2 : std::clamp<std::size_t>(panels, 1, 3);
}

// The text in lines of at most `most` characters, broken at blanks; three lines, then an ellipsis.
std::vector<std::string> wrapped(const std::string& text, std::size_t most) {
  std::vector<std::string> out;
  std::size_t from = 0;
  while (text.size() - from > most && out.size() < 2) {
    const std::size_t blank = text.rfind(' ', from + most);
    if (blank == std::string::npos || blank <= from) break;
    out.push_back(text.substr(from, blank - from));
    from = blank + 1;
  }
  out.push_back(shortened(text.substr(from), most));
  return out;
}

// Draws the heading and returns its height.
double draw_heading(const Heading& heading, double width, Canvas& canvas) {
  const auto characters = [&](double size) {
    return static_cast<std::size_t>((width - 2 * kMargin) / text_width("x", size));
  };
  double y = kMargin + 18;
  canvas.text({kMargin, y}, shortened(heading.title, characters(17)),
              {17, colour::kInk, Anchor::kStart, true});
  const auto paragraph = [&](const std::string& text, const char* ink) {
    for (const std::string& line : wrapped(text, characters(12))) {
      y += kLineHeight;
      canvas.text({kMargin, y}, line, {12, ink});
    }
  };
  for (const std::string& line : heading.lines) paragraph(line, colour::kMuted);
  for (const std::string& warning : heading.warnings) paragraph(warning, colour::kVermilion);
  return y + kMargin;
}

}  // namespace

std::string svg_document(const Heading& heading, const std::vector<Panel>& panels) {
  const std::size_t columns = columns_for(panels.size());
  const std::size_t rows = (panels.size() + columns - 1) / columns;
  const double width = kWidth * static_cast<double>(columns) + 2 * kMargin;
  Canvas canvas;
  const double top = draw_heading(heading, width, canvas);
  std::string description;
  for (std::size_t i = 0; i < panels.size(); ++i) {
    const Box box{kMargin + kWidth * static_cast<double>(i % columns),
                  top + kHeight * static_cast<double>(i / columns), kWidth, kHeight};
    draw_panel(panels[i], box, fmt::format("panel{}", i + 1), canvas);
    description += (i > 0 ? " " : "") + panels[i].caption;
  }
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" +
         element(width, top + kHeight * static_cast<double>(rows) + kMargin, "crosslaw",
                 heading.title, description, canvas.content());
}

std::string svg_element(const Panel& panel, const std::string& id) {
  Canvas canvas;
  draw_panel(panel, {0, 0, kWidth, kHeight}, id + "-clip", canvas);
  return element(kWidth, kHeight, id, panel.title, panel.caption, canvas.content());
}

}  // namespace crosslaw::charts
