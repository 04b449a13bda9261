#include "apps/study/holdout_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "fit/data/records.h"

namespace crosslaw::apps {

fit::HoldoutPlan holdout_plan(const Dataset& data, const std::vector<std::string>& holdout) {
  const fit::Points& points = data.data.points;
  if (fit::names_holdout_rule(holdout.front())) return fit::split_by_rule(points, holdout.front());
  const fit::Records records = fit::parse_records(data.text, data.source, {data.loss});
  return fit::split_by_rows(points, fit::rows_with_any(records, data.data.record_rows, holdout),
                            fmt::format("{}", fmt::join(holdout, " or ")));
}

}  // namespace crosslaw::apps
