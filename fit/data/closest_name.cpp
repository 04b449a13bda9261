#include "fit/data/closest_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <numeric>

namespace crosslaw::fit {
namespace {

constexpr std::size_t kLongestName = 200;  // the table of edits grows with both lengths

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// Fewest letters to add, drop or replace; one row of the usual table is kept.
std::size_t edits_apart(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string closest_name(std::string_view name, const std::vector<std::string>& known) {
  if (name.size() > kLongestName) return "";
  const std::string wanted = lower_case(name);
  std::string best;
  // A guess further away would mislead; of one or two letters any other is as near.
  std::size_t fewest = wanted.size() <= 2 ? 1 : std::max<std::size_t>(2, wanted.size() / 3) + 1;
  for (const std::string& each : known) {
    if (each.size() > kLongestName) continue;
    if (const std::size_t edits = edits_apart(wanted, lower_case(each)); edits < fewest) {
      fewest = edits;
      best = each;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& known) {
  const std::string guess = closest_name(name, known);
  return guess.empty() ? "" : fmt::format("; did you mean '{}'?", guess);
}

}  // namespace crosslaw::fit
