#include "fit/data/unfinished.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "fit/data/column_name.h"

namespace crosslaw::fit {
namespace {

constexpr std::string_view kEnded[] = {"finished", "done",    "completed",
                                       "complete", "success", "succeeded"};
// These say it also where no row has a word of the others.
constexpr std::string_view kNotEnded[] = {"crashed",   "failed",  "killed",      "running",
                                          "preempted", "aborted", "interrupted", "canceled",
                                          "cancelled", "timeout", "diverged",    "oom"};

template <std::size_t size>
bool says(const std::string_view (&words)[size], const std::string& word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

}  // namespace

std::optional<std::string> describe_unfinished(const Records& records,
                                               const std::vector<std::size_t>& rows) {
  for (std::size_t c = 0; c < records.columns.size(); ++c) {
    const std::string name = plain_column_name(records.columns[c]);
    if (name != "state" && name != "status" && name != "run_state") continue;
    std::vector<std::size_t> others, unfinished;  // by no word for an end; by one for none
    std::set<std::string> other_words, words;
    std::string end;
    for (const std::size_t row : rows) {
      const std::string cell = text_in(records, row, c), word = plain_column_name(cell);
      if (says(kEnded, word)) end = cell;
      if (word.empty() || says(kEnded, word)) continue;
      others.push_back(row), other_words.insert(cell);
      if (says(kNotEnded, word)) unfinished.push_back(row), words.insert(cell);
    }
    // Beside runs that ended every other word says that a run did not.
    if (!end.empty()) unfinished = others, words = other_words;
    if (unfinished.empty()) continue;
    std::string advice = fmt::format("--where '{}={}' leaves them out", records.columns[c], end);
    if (end.empty()) {
      advice = unfinished.size() == rows.size()
                   ? "none did, and a loss in the middle of a run is no loss of that many tokens"
                   : fmt::format("--where '{}!={}' leaves out those", records.columns[c],
                                 *words.begin());
    }
    return fmt::format("{}: '{}' is {}: these runs did not end; {}", places(records, unfinished),
                       records.columns[c], fmt::join(words, ", "), advice);
  }
  return std::nullopt;
}

}  // namespace crosslaw::fit
