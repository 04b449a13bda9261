#pragma once

#include <string>
#include <string_view>

// Text of tables and formulas as LaTeX.
namespace crosslaw::fit {

// A cell with special characters escaped; a known symbol alone as mathematics, and 1.5e+21 as
// $1.5 \times 10^{21}$.
std::string latex_cell(const std::string& cell);
// A law's formula as mathematics: $L = E + A/N^{\alpha} + B/D^{\beta}$.
std::string latex_formula(std::string_view formula);

}  // namespace crosslaw::fit
