#include "apps/charts/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "fit/write/table.h"

namespace crosslaw::charts {
namespace {

// What an axis can span without its ends leaving the range of a double.
constexpr double kLargest = 1e300;
constexpr double kSmallestPositive = 1e-300;
// Narrower than this share of its values, an axis cannot label its marks apart.
constexpr double kNarrowest = 1e-9;

double forward(Scale scale, double value) {
  return scale == Scale::kLog ? std::log10(value) : value;
}

double backward(Scale scale, double at) { return scale == Scale::kLog ? std::pow(10.0, at) : at; }

bool has_place(Scale scale, double value) {
  return std::isfinite(value) && (scale == Scale::kLinear || value > 0);
}

std::string without_trailing_zeros(std::string number) {
  if (number.find('.') == std::string::npos) return number;
  number.erase(number.find_last_not_of('0') + 1);
  if (number.back() == '.') number.pop_back();
  return number;
}

// 1.5e21, without a plus sign or leading zeros in the exponent.
std::string scientific(double value, int decimals) {
  const std::string text = fmt::format("{:.{}e}", value, decimals);
  const std::size_t e = text.find('e');
  return fmt::format("{}e{}", without_trailing_zeros(text.substr(0, e)),
                     std::stoi(text.substr(e + 1)));
}

// As tables write counts, but a tick says 10M where a table says 10.00M.
std::string count_text(double value) {
  const double size = std::abs(value);
  if (size >= 1e15 || (size < 1e-3 && value != 0)) return scientific(value, 3);
  std::string text = fit::short_count(value);
  const std::size_t point = text.find('.');
  if (point == std::string::npos) return text;
  const std::size_t end = std::min(text.find_first_not_of("0123456789", point + 1), text.size());
  const std::size_t last = text.find_last_not_of('0', end - 1);
  return text.erase(last == point ? point : last + 1, end - (last == point ? point : last + 1));
}

// The step of 1, 2 or 5 times a power of ten that cuts `span` into at most `most` pieces.
double round_step(double span, int most) {
  const double raw = span / std::max(1, most);
  const double base = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    // A step that is already round must not become the next one by rounding.
    if (base * factor >= raw * (1 - 1e-9)) return base * factor;
  }
  return 10 * base;
}

std::string plain_label(double value, double step, double largest) {
  const int decimals = std::max(0, -static_cast<int>(std::floor(std::log10(step * 1.000001))));
  if (largest < 1e6 && decimals <= 4) return fmt::format("{:.{}f}", value, decimals);
  // Enough digits to tell neighbouring ticks apart, and no more.
  const int digits = static_cast<int>(std::floor(std::log10(largest / step) + 1e-9)) + 1;
  return value == 0 ? "0" : scientific(value, std::clamp(digits, 0, 15));
}

std::vector<Tick> linear_ticks(const Axis& axis, int most) {
  const double step = round_step(axis.high - axis.low, most - 1);
  const double largest = std::max(std::abs(axis.low), std::abs(axis.high));
  std::vector<Tick> out;
  double k = std::ceil(axis.low / step - 1e-9);
  for (int i = 0; i < most && k * step <= axis.high + 1e-9 * step; ++i, ++k) {
    // k == 0: -0 would be written with its sign.
    const double value = std::clamp(k == 0 ? 0 : k * step, axis.low, axis.high);
    out.push_back({value, axis.numbers == Numbers::kPlain ? plain_label(value, step, largest)
                                                          : written(value, axis.numbers)});
  }
  return out;
}

// mantissa * 10^k inside the axis, for every `stride`-th decade.
std::vector<double> decade_marks(const Axis& axis, const std::vector<int>& mantissas, int stride) {
  std::vector<double> out;
  const int first = static_cast<int>(std::floor(std::log10(axis.low)));
  const int last = static_cast<int>(std::ceil(std::log10(axis.high)));
  for (int k = first; k <= last; ++k) {
    if (k % stride != 0) continue;
    for (const int mantissa : mantissas) {
      const double value = mantissa * std::pow(10.0, k);
      if (value >= axis.low * (1 - 1e-12) && value <= axis.high * (1 + 1e-12)) {
        out.push_back(std::clamp(value, axis.low, axis.high));
      }
    }
  }
  return out;
}

std::vector<double> labelled_decades(const Axis& axis, int most, int& stride) {
  stride = 1;
  for (const std::vector<int>& mantissas :
       {std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 5}, {1, 3}, {1}}) {
    const std::vector<double> marks = decade_marks(axis, mantissas, 1);
    if (static_cast<int>(marks.size()) <= most) return marks;
  }
  // Too many decades for a label at each: every second, third, ...
  for (const int wider : {2, 3, 5, 10, 20, 50, 100, 200}) {
    stride = wider;
    const std::vector<double> marks = decade_marks(axis, {1}, stride);
    if (static_cast<int>(marks.size()) <= most) return marks;
  }
  return {};
}

std::vector<Tick> log_ticks(const Axis& axis, int most) {
  int stride = 1;
  const std::vector<double> labelled = labelled_decades(axis, most, stride);
  // Too little of a decade for two such labels.
  if (labelled.size() < 2) return linear_ticks(axis, most);
  std::vector<Tick> out;
  for (const double value : labelled) out.push_back({value, written(value, axis.numbers)});
  const double decades = std::log10(axis.high / axis.low);
  // Unlabelled marks so close would be a grey bar.
  if (decades > 40) return out;
  const std::vector<int> between = stride == 1 && decades < 8
                                       ? std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8, 9}
                                       : std::vector<int>{1};
  for (const double value : decade_marks(axis, between, 1)) {
    const bool taken = std::any_of(labelled.begin(), labelled.end(),
                                   [&](double each) { return std::abs(each / value - 1) < 1e-9; });
    if (!taken) out.push_back({value, ""});
  }
  std::sort(out.begin(), out.end(), [](const Tick& a, const Tick& b) { return a.value < b.value; });
  return out;
}

}  // namespace

Axis axis_over(std::string title, Scale scale, Numbers numbers, const std::vector<double>& values,
               double margin) {
  Axis axis{std::move(title), scale, numbers, 0, 1};
  const double smallest = scale == Scale::kLog ? kSmallestPositive : -kLargest;
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const double value : values) {
    if (!has_place(scale, value)) continue;
    const double at = forward(scale, std::clamp(value, smallest, kLargest));
    low = std::min(low, at);
    high = std::max(high, at);
  }
  if (!(low <= high)) {
    low = 0;
    high = 1;
    margin = 0;
  }
  const double size = std::max(std::abs(low), std::abs(high));
  // One value, or values that are all but equal, still get an axis with several labels.
  const double least = scale == Scale::kLog ? std::log10(4.0)
                       : low < high         ? kNarrowest * size
                       : low == 0           ? 1
                                            : 0.2 * size;
  const double missing = scale == Scale::kLog && high - low > 0.02 ? 0 : least - (high - low);
  const double spare = std::max(0.0, missing / 2) + margin * (high - low);
  axis.low = std::clamp(backward(scale, low - spare), smallest, kLargest);
  axis.high = std::clamp(backward(scale, high + spare), smallest, kLargest);
  return axis;
}

double fraction(const Axis& axis, double value) {
  if (!has_place(axis.scale, value)) return std::numeric_limits<double>::quiet_NaN();
  const double low = forward(axis.scale, axis.low);
  return (forward(axis.scale, value) - low) / (forward(axis.scale, axis.high) - low);
}

double value_at(const Axis& axis, double fraction) {
  const double low = forward(axis.scale, axis.low);
  return backward(axis.scale, low + fraction * (forward(axis.scale, axis.high) - low));
}

std::vector<Tick> ticks(const Axis& axis, int most) {
  if (!axis.named.empty()) return axis.named;
  return axis.scale == Scale::kLog ? log_ticks(axis, most) : linear_ticks(axis, most);
}

RoundNumbers round_numbers(double low, double high, int count) {
  RoundNumbers out;
  if (!(high > low) || !std::isfinite(high - low)) return out;
  const double step = round_step(high - low, count);
  out.decimals = std::max(0, -static_cast<int>(std::floor(std::log10(step * 1.000001))));
  double k = std::ceil(low / step);
  for (int i = 0; i <= 2 * count && k * step <= high; ++i, ++k) out.values.push_back(k * step);
  return out;
}

std::string written(double value, Numbers numbers) {
  if (numbers == Numbers::kCount) return count_text(value);
  const double size = std::abs(value);
  const bool wide = value != 0 && (size < 1e-4 || size >= 1e6);
  if (wide || (numbers == Numbers::kPower && size >= 1e4)) return scientific(value, 3);
  return size >= 1000 ? fmt::format("{:.0f}", value) : fmt::format("{:.4g}", value);
}

}  // namespace crosslaw::charts
