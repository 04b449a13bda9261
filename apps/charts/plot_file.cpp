#include "apps/charts/plot_file.h"

#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>

#include "db/files/atomic_file.h"

namespace crosslaw::charts {
namespace {

std::string svg_text(const Document& document) {
  Heading heading = document.heading;
  if (!document.in_short.empty()) {
    heading.lines.insert(heading.lines.begin(), document.in_short);
  }
  if (!document.formula.empty()) heading.lines.insert(heading.lines.begin(), document.formula);
  return svg_document(heading, document.panels);
}

}  // namespace

void require_plot_name(const std::string& path) {
  const std::filesystem::path file(path);
  if (file.extension() == ".svg" || file.extension() == ".html") return;
  throw std::invalid_argument(
      fmt::format("--plot {}: the name must end in .svg (one drawing) or .html (one page)", path));
}

void write_plot(const std::string& path, const Document& document) {
  const bool svg = std::filesystem::path(path).extension() == ".svg";
  const std::string content = svg ? svg_text(document) : html_page(document);
  try {
    db::publish_file(path, content);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(
        fmt::format("--plot {}: the file cannot be written ({})", path, error.what()));
  }
}

}  // namespace crosslaw::charts
