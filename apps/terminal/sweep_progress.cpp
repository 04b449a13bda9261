#include "apps/terminal/sweep_progress.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "apps/terminal/quantities.h"

namespace crosslaw::apps {

std::int64_t finished_runs(const sweep::Progress& p) {
  return p.done + p.diverged + p.failed + p.cancelled + p.blocked;
}

std::string describe(const sweep::Progress& p) {
  const std::int64_t finished = finished_runs(p);
  std::string text = fmt::format("{}/{} runs, {:.0f} % of the work, {} so far", finished, p.total,
                                 std::floor(100 * p.share), format_seconds(p.elapsed_seconds));
  if (p.remaining_seconds && p.measured && finished < p.total)
    text += fmt::format(", about {} left", format_seconds(*p.remaining_seconds));
  if (p.diverged > 0) text += fmt::format(", {} diverged", p.diverged);
  if (p.failed + p.blocked > 0) text += fmt::format(", {} failed, {} blocked", p.failed, p.blocked);
  if (p.cancelled > 0) text += fmt::format(", {} cancelled", p.cancelled);
  if (p.queued > 0) text += fmt::format(", {} queued", p.queued);
  if (!p.running_names.empty()) text += fmt::format(" | {}", fmt::join(p.running_names, " | "));
  return text;
}

}  // namespace crosslaw::apps
