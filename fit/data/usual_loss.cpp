#include "fit/data/usual_loss.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include "fit/data/median.h"

namespace crosslaw::fit {
namespace {

// Medians of published tables of text lie between 0.75 and 1.25 times this; of code, mathematics
// and bytes below. No text costs half as much again.
constexpr double kMostTimesUsual = 1.5;
constexpr double kLeastTimesUsual = 0.6;
// The logarithms of losses in nats are 0.3 to 0.45 times what they should be.
constexpr double kFarBelowUsual = 0.5;
constexpr double kLeastLoss = 0.5, kMostLoss = 6;  // nats, medians of tables of trained models

// Nats a token of web text (Besiroglu et al. 2024, arXiv:2404.10102, Chinchilla refitted).
double usual_loss(const Point& point) {
  return 1.8172 + 482.01 * std::pow(point.params, -0.3478) +
         2085.43 * std::pow(point.tokens, -0.3658);
}

// What the column held before it was turned into nats.
double as_written(double nats, LossUnit unit) {
  switch (unit) {
    case LossUnit::kPerplexity:
      return std::exp(nats);
    case LossUnit::kLn:
      return std::log(nats);
    case LossUnit::kLog10:
      return std::log10(nats);
    default:
      return nats;
  }
}

// The median of such a number over the usual loss.
template <typename Number>
double times_usual(const Points& points, const Number& number) {
  std::vector<double> out;
  for (const Point& point : points) out.push_back(number(point.loss) / usual_loss(point));
  return upper_median(std::move(out));
}

bool is_usual(double times) { return times > kLeastTimesUsual && times < kMostTimesUsual; }

}  // namespace

std::optional<std::string> unusual_losses(const Points& points, LossUnit unit,
                                          const std::string& column) {
  const double times = times_usual(points, [](double nats) { return nats; });
  const auto [least, most] = std::minmax_element(
      points.begin(), points.end(), [](const auto& a, const auto& b) { return a.loss < b.loss; });
  if (unit == LossUnit::kUnsaid && times > kMostTimesUsual) {
    const bool logarithm =
        is_usual(times_usual(points, [](double nats) { return std::log(nats); }));
    return fmt::format(
        "column '{}' goes from {:.3g} to {:.3g}, {:.2g} times what models of these N and D lose in "
        "nats a token (the median): {}; --loss-unit nats says that it is right",
        column, least->loss, most->loss, times,
        logarithm ? fmt::format("it looks like perplexity, whose logarithm goes {:.3g} to {:.3g}: "
                                "--loss-unit ppl",
                                std::log(least->loss), std::log(most->loss))
                  : "bits or perplexity (--loss-unit bits, ppl), or runs that did not learn?");
  }
  const bool transformed =
      unit == LossUnit::kPerplexity || unit == LossUnit::kLn || unit == LossUnit::kLog10;
  const bool nats_as_written =
      is_usual(times_usual(points, [&](double nats) { return as_written(nats, unit); }));
  if (transformed && nats_as_written && (times > kMostTimesUsual || times < kFarBelowUsual))
    return fmt::format(
        "column '{}': taken as {}, the losses go from {:.3g} to {:.3g}, {:.2g} times what models "
        "of these N and D lose (the median), and the numbers as they stand are what nats would "
        "be: --loss-unit nats takes them so",
        column, describe(unit), least->loss, most->loss, times);
  return std::nullopt;
}

std::optional<double> factor_in_name(std::string_view column, double median) {
  for (std::size_t at = column.find_first_of("0123456789"); at < column.size();
       at = column.find_first_of("0123456789", at + 1)) {
    double named = 0;
    const auto [end, error] =
        std::from_chars(column.data() + at, column.data() + column.size(), named);
    at = static_cast<std::size_t>(end - column.data());
    if (error != std::errc() || !(named > 0)) continue;
    for (const double factor : {named, 1 / named}) {
      if (factor < 1 && median * factor > kLeastLoss && median * factor < kMostLoss) return factor;
    }
  }
  return std::nullopt;
}

}  // namespace crosslaw::fit
