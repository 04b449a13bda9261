#include "apps/charts/plot_file.h"

#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>

#include "apps/charts/rsvg.h"
#include "db/files/atomic_file.h"

namespace crosslaw::charts {
void require_plot_name(const std::string& path) {
  const std::filesystem::path file(path);
  for (const char* known : {".svg", ".html", ".png", ".pdf"}) {
    if (file.extension() == known) return;
  }
  throw std::invalid_argument(fmt::format(
      "--plot {}: the name must end in .svg, .png or .pdf (one drawing) or .html (one page)",
      path));
}

void write_plot(const std::string& path, const Document& document) {
  const std::string kind = std::filesystem::path(path).extension().string();
  try {
    db::publish_file(path, kind == ".html" ? html_page(document)
                           : kind == ".svg"
                               ? svg_page(document)
                               : converted_drawing(svg_page(document), kind.substr(1)));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(
        fmt::format("--plot {}: the file cannot be written ({})", path, error.what()));
  }
}

}  // namespace crosslaw::charts
