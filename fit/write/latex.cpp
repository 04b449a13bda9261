#include "fit/write/latex.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <string_view>
#include <utility>

namespace crosslaw::fit {
namespace {

// Length of a number such as 1.5e+21 at the start of the text; 0 where there is none.
std::size_t scientific(std::string_view text, std::size_t& mantissa) {
  const auto digit = [&](std::size_t i) {
    return i < text.size() && text[i] >= '0' && text[i] <= '9';
  };
  std::size_t at = 0;
  while (digit(at) || (at > 0 && at < text.size() && text[at] == '.')) ++at;
  mantissa = at;
  if (at == 0 || at >= text.size() || text[at] != 'e') return 0;
  ++at;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
  if (!digit(at)) return 0;
  while (digit(at)) ++at;
  return at;
}

// Symbols that are a whole cell, as mathematics.
std::string latex_symbol(std::string_view cell) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 17> kSymbols = {
      {{"N", "$N$"},
       {"D", "$D$"},
       {"N*", "$N^*$"},
       {"D*", "$D^*$"},
       {"D*/N*", "$D^*/N^*$"},
       {"C (FLOPs)", "$C$ (FLOPs)"},
       {"a", "$a$"},
       {"b", "$b$"},
       {"E", "$E$"},
       {"A", "$A$"},
       {"B", "$B$"},
       {"alpha", "$\\alpha$"},
       {"beta", "$\\beta$"},
       {"gamma", "$\\gamma$"},
       {"B_continued", "$B'$"},
       {"beta_continued", "$\\beta'$"},
       {"95%", "95\\,\\%"}}};
  for (const auto& [word, symbol] : kSymbols) {
    if (word == cell) return std::string(symbol);
  }
  return "";
}

// LaTeX's special characters as text.
std::string escaped(std::string_view text) {
  constexpr std::string_view kSpecial = "&%$#_{}~^\\";
  constexpr std::array<std::string_view, kSpecial.size()> kBy = {"\\&",
                                                                 "\\%",
                                                                 "\\$",
                                                                 "\\#",
                                                                 "\\_",
                                                                 "\\{",
                                                                 "\\}",
                                                                 "\\textasciitilde{}",
                                                                 "\\textasciicircum{}",
                                                                 "\\textbackslash{}"};
  std::string out;
  for (const char c : text) {
    const std::size_t at = kSpecial.find(c);
    if (at == std::string_view::npos) {
      out += c;
    } else {
      out += kBy[at];
    }
  }
  return out;
}

}  // namespace

std::string latex_cell(const std::string& cell) {
  if (std::string symbol = latex_symbol(cell); !symbol.empty()) return symbol;
  std::string out, plain;
  const auto flush = [&] { out += escaped(std::exchange(plain, "")); };
  for (std::size_t at = 0; at < cell.size();) {
    // Digits within a word or behind a point are no number of their own.
    const bool inside = at > 0 && (std::isalnum(static_cast<unsigned char>(cell[at - 1])) != 0 ||
                                   cell[at - 1] == '.');
    std::size_t mantissa = 0;
    const std::size_t length = inside ? 0 : scientific(std::string_view(cell).substr(at), mantissa);
    if (length == 0) {
      plain += cell[at++];
      continue;
    }
    flush();
    const std::string digits = cell.substr(at, mantissa);
    const int power = std::stoi(cell.substr(at + mantissa + 1, length - mantissa - 1));
    out += digits == "1" ? fmt::format("$10^{{{}}}$", power)
                         : fmt::format("${} \\times 10^{{{}}}$", digits, power);
    at += length;
  }
  flush();
  return out;
}

std::string latex_formula(std::string_view formula) {
  std::string out;
  for (std::size_t at = 0; at < formula.size();) {
    // A word and what stands behind it in place: alpha, or beta' of an exponent.
    std::size_t end = at;
    while (end < formula.size() && std::isalpha(static_cast<unsigned char>(formula[end])) != 0)
      ++end;
    const std::string_view word = formula.substr(at, end - at);
    if (word.empty()) {
      out += formula[at++];
      continue;
    }
    std::string written(word);
    for (const char* letter : {"alpha", "beta", "gamma"}) {
      if (word == letter) written = "\\" + written;
    }
    if (word == "from" || word == "scratch" || word == "continued")
      written = "\\text{ " + written + " }";
    if (word == "exp") written = "\\exp";
    std::size_t primes = end;
    while (primes < formula.size() && formula[primes] == '\'') ++primes;
    written += formula.substr(end, primes - end);
    out += at > 0 && formula[at - 1] == '^' ? "{" + written + "}" : written;
    at = primes;
  }
  return "$" + out + "$";
}

}  // namespace crosslaw::fit
