#include "sweep/schedule/retry_rules.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace crosslaw::sweep {
namespace {

using db::Outcome;

constexpr int64_t kLongestWaitMs = 600'000;
constexpr std::size_t kAlikeRuns = 3;  // two may be a coincidence

// The text with every number and every longer hexadecimal name replaced by '#'.
std::string without_numbers(std::string_view text) {
  std::string kept;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    bool digit = false;
    while (end < text.size() && std::isxdigit(static_cast<unsigned char>(text[end])))
      digit |= std::isdigit(static_cast<unsigned char>(text[end++])) != 0;
    if (digit) {
      kept += '#';
    } else {
      kept.append(text.substr(i, std::max<std::size_t>(1, end - i)));
    }
    i = std::max(end, i + 1);
  }
  return kept;
}

}  // namespace

RetryRule retry_rule(Outcome outcome, int64_t crashes_allowed) {
  switch (outcome) {
    // The run's own doing costs the most: whatever is wrong will most likely be wrong again.
    case Outcome::kCrashed:
    case Outcome::kHung:
    case Outcome::kRefused:
      return {crashes_allowed, 30'000};
    // Half the batch each time; the last try has a sixteenth, then the model itself does not fit.
    case Outcome::kOutOfMemory:
      return {4, 1000};
    // Not the run's doing, but a machine that ends it each time is no place for it.
    case Outcome::kNodeFailed:
    case Outcome::kLost:
      return {5, 2000};
    case Outcome::kKilled:
      return {8, 1000};
    // A disk that loses bits each time is no place for it, either.
    case Outcome::kLossesLost:
      return {3, 1000};
    // Free while the run gets further; else its limit is shorter than its first checkpoint.
    case Outcome::kStopped:
    case Outcome::kPreempted:
    case Outcome::kTimeLimit:
      return {5, 0};
    default:
      return {0, 0};
  }
}

int64_t wait_ms(const RetryRule& rule, int64_t times, uint64_t salt) {
  int64_t wait = rule.first_wait_ms;
  for (int64_t i = 1; i < times && wait < kLongestWaitMs; ++i) wait *= 2;
  wait = std::min(wait, kLongestWaitMs);
  constexpr uint64_t kParts = 1000;
  return wait + wait * static_cast<int64_t>(salt % kParts) / static_cast<int64_t>(4 * kParts);
}

bool EqualFailures::add(int64_t run_id, Outcome outcome, std::string_view message) {
  // Without a word of its own a failure is like no other.
  if (message.empty()) return false;
  auto& runs = runs_[std::string(db::name_of(outcome)) + ": " + without_numbers(message)];
  runs.insert(run_id);
  return runs.size() >= kAlikeRuns;
}

std::string reason_in_log(std::string_view text) {
  std::string_view reason;
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    std::string_view line = text.substr(from, end - from);
    from = end + 1;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    // LibTorch's stack traces come after their message.
    if (!line.empty() && !line.starts_with("frame #") && !line.starts_with("Exception raised from"))
      reason = line;
  }
  return std::string(reason);
}

bool tells_of_memory(std::string_view reason) {
  constexpr std::array kWords = {"can't allocate memory", "Cannot allocate memory",
                                 "std::bad_alloc", "out of memory"};
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view words) {
    return reason.find(words) != std::string_view::npos;
  });
}

}  // namespace crosslaw::sweep
