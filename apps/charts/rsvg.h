#pragma once

#include <string>

namespace crosslaw::charts {

// An SVG drawing as "png" or "pdf", by the program rsvg-convert of librsvg. Throws
// std::runtime_error where it is not installed, with what to do, or where it fails, with its words.
std::string converted_drawing(const std::string& svg, const std::string& format);

}  // namespace crosslaw::charts
