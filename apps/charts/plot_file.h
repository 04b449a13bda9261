#pragma once

#include <string>

#include "apps/charts/chart_page.h"

namespace crosslaw::charts {

// Throws std::invalid_argument unless the name ends in .svg, .png, .pdf or .html: what --plot
// takes.
void require_plot_name(const std::string& path);

// Writes the document as the end of the name says: one drawing of all panels, or one HTML page.
// The file appears complete or not at all. Throws std::runtime_error naming the file.
void write_plot(const std::string& path, const Document& document);

}  // namespace crosslaw::charts
