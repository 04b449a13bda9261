#include "fit/data/points.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <stdexcept>

namespace crosslaw::fit {
namespace {

void require_positive(std::size_t index, const char* field, double value,
                      std::vector<std::string>& out) {
  if (std::isfinite(value) && value > 0) return;
  out.push_back(
      fmt::format("point {}: {} = {} must be a finite number above 0", index, field, value));
}

Range widen(Range range, double value) {
  return {std::min(range.low, value), std::max(range.high, value)};
}

}  // namespace

std::vector<std::string> problems(const Points& points, std::size_t limit) {
  std::vector<std::string> out;
  if (points.empty()) out.push_back("there are no points");
  for (std::size_t i = 0; i < points.size() && out.size() < limit; ++i) {
    require_positive(i, "params", points[i].params, out);
    require_positive(i, "tokens", points[i].tokens, out);
    require_positive(i, "loss", points[i].loss, out);
    require_positive(i, "weight", points[i].weight, out);
    if (points[i].unique_tokens != 0) {
      require_positive(i, "unique_tokens", points[i].unique_tokens, out);
    }
    if (points[i].flops != 0) require_positive(i, "flops", points[i].flops, out);
    if (points[i].base_tokens != 0) {
      require_positive(i, "base_tokens", points[i].base_tokens, out);
    }
    if (points[i].loss_before != 0) {
      require_positive(i, "loss_before", points[i].loss_before, out);
    }
    if (!(points[i].target_share >= 0 && points[i].target_share <= 1)) {
      out.push_back(fmt::format("point {}: target_share = {} must be between 0 and 1", i,
                                points[i].target_share));
    }
  }
  if (out.size() > limit) out.resize(limit);
  return out;
}

double unique_tokens(const Point& point) {
  return point.unique_tokens > 0 ? std::min(point.unique_tokens, point.tokens) : point.tokens;
}

double training_flops(const Point& point) {
  return point.flops > 0 ? point.flops : 6 * point.params * point.tokens;
}

bool has_continued(const Points& points) {
  return std::any_of(points.begin(), points.end(),
                     [](const Point& point) { return point.stage == Stage::kContinued; });
}

bool have_more_than_size_and_tokens(const Points& points) {
  return std::any_of(points.begin(), points.end(), [](const Point& each) {
    return each.target_share != 1 || each.unique_tokens > 0 || each.base_tokens > 0 ||
           each.loss_before > 0;
  });
}

Points select_stage(const Points& points, Stage stage) {
  Points out;
  std::copy_if(points.begin(), points.end(), std::back_inserter(out),
               [stage](const Point& p) { return p.stage == stage; });
  return out;
}

DataRange coverage(const Points& points) {
  if (points.empty()) throw std::invalid_argument("no points: there is nothing to cover");
  const auto of = [](double value) { return Range{value, value}; };
  const Point& first = points.front();
  DataRange out{of(first.params), of(first.tokens), of(first.tokens / first.params),
                of(training_flops(first)), of(first.loss)};
  for (const Point& p : points) {
    out.params = widen(out.params, p.params);
    out.tokens = widen(out.tokens, p.tokens);
    out.tokens_per_param = widen(out.tokens_per_param, p.tokens / p.params);
    out.flops = widen(out.flops, training_flops(p));
    out.loss = widen(out.loss, p.loss);
  }
  return out;
}

}  // namespace crosslaw::fit
