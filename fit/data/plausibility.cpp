#include "fit/data/plausibility.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <optional>

#include "fit/data/column_role.h"
#include "fit/data/median.h"
#include "fit/data/plausible_compute.h"
#include "fit/data/ranks.h"
#include "fit/data/rising_loss.h"
#include "fit/data/token_pieces.h"
#include "fit/data/usual_loss.h"

namespace crosslaw::fit {
namespace {

// Over-trained toys see 2 million tokens a parameter.
constexpr double kFewestPerParam = 0.2, kMostPerParam = 1e6;  // D/N, as a median
constexpr double kWidestCounts = 1e6;                         // the largest of the smallest
// exp(7) = 1097: medians of trained models are far below, perplexities of them mostly above.
constexpr double kHighestMedianLoss = 7;
constexpr double kHighLoss = 5.2;
// Large models lose 1.7 nats a token of web text and more; mathematics and code less.
constexpr double kLowestMaximum = 1.6;
constexpr double kCoarsestDigits = 0.005;  // half a step of rounding, as a share of the loss
constexpr std::size_t kEnoughForRanks = 6;

struct NamedFactor {
  const char* name;
  double factor;
};
constexpr std::array<NamedFactor, 4> kCounts = {{{"K", 1e3}, {"M", 1e6}, {"B", 1e9}, {"T", 1e12}}};

std::vector<double> each(const Points& points, const std::function<double(const Point&)>& value) {
  std::vector<double> out;
  out.reserve(points.size());
  for (const Point& point : points) out.push_back(value(point));
  return out;
}

class Doubter {
 public:
  Doubter(const Points& points, const PointSource& source) : points_(points), source_(source) {
    params_ = each(points, [](const Point& p) { return p.params; });
    tokens_ = each(points, [](const Point& p) { return p.tokens; });
    losses_ = each(points, [](const Point& p) { return p.loss; });
  }

  std::vector<Doubt> all() {
    // Both counts speak, the second also when the first is in doubt.
    const bool params_doubted = about_count(true), tokens_doubted = about_count(false);
    if (!params_doubted && !tokens_doubted) {
      about_ratio();
      for (Doubt& one : doubts_about_compute(points_, source_)) out_.push_back(std::move(one));
    }
    about_loss();
    return std::move(out_);
  }

 private:
  void add(bool grave, std::string sentence) { out_.push_back({std::move(sentence), grave}); }

  std::string rows_where(const std::vector<double>& values,
                         const std::function<bool(double)>& odd) const {
    std::vector<std::size_t> rows;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (odd(values[i])) rows.push_back(source_.rows[i]);
    }
    return places(source_.records, rows);
  }

  // The pair of units that makes models as they are. Of equals the one that changes least.
  std::pair<NamedFactor, NamedFactor> likely_units(bool params_odd, bool tokens_odd) const {
    const double n = upper_median(params_), d = upper_median(tokens_);
    std::vector<NamedFactor> of_params(kCounts.begin(), kCounts.end()), of_tokens = of_params;
    if (!params_odd) of_params = {{"1", 1}};
    if (!tokens_odd) of_tokens = {{"1", 1}};
    std::pair<NamedFactor, NamedFactor> best{of_params.front(), of_tokens.front()};
    double least = 1e300;
    for (const NamedFactor& p : of_params) {
      for (const NamedFactor& t : of_tokens) {
        // As far from 20 tokens a parameter, and from a model of 300 million, as a factor of ten.
        const double off = std::abs(std::log10(d * t.factor / (n * p.factor) / kUsualPerParam)) +
                           0.5 * std::abs(std::log10(n * p.factor / 3e8));
        if (off >= least) continue;
        least = off;
        best = {p, t};
      }
    }
    return best;
  }

  // N or D by itself. True where the column as a whole is doubted.
  bool about_count(bool of_params) {
    const std::vector<double>& values = of_params ? params_ : tokens_;
    const CountUnit& unit = of_params ? source_.params_unit : source_.tokens_unit;
    if (settled(unit)) return false;
    const double low = of_params ? kFewestParams : kFewestTokens;
    const double high = of_params ? kMostParams : kMostTokens;
    const std::string& column = of_params ? source_.params : source_.tokens;
    const char* what = of_params ? "parameters" : "tokens";
    const char* flag = of_params ? "--params-unit" : "--tokens-unit";
    const auto odd = [&](double value) { return value < low || value > high; };
    const auto count = std::count_if(values.begin(), values.end(), odd);
    if (count == 0) return false;
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    const auto sound = static_cast<std::ptrdiff_t>(values.size()) - count;
    // Wider than models of one study are: two units in one column.
    const bool wide = *most / *least > kWidestCounts;
    if (sound > count || (sound > 0 && wide)) {
      add(true, fmt::format("column '{}': {}: {} beside a median of {:.3g}, no number of {}; in "
                            "another unit? {} 1 takes all as they stand",
                            column, rows_where(values, odd), rows_value(values, odd),
                            upper_median(values), what, flag));
      return false;
    }
    const std::string range = fmt::format("from {:.4g} to {:.4g}", *least, *most);
    if (unit.by_flag) {
      add(true, fmt::format("column '{}': taken as {} says, the {} go {}, beyond any model; {} 1 "
                            "takes the numbers as they stand",
                            column, flag, what, range, flag));
    } else if (!unit.from_header.empty()) {
      add(true, fmt::format("column '{}': taken in units of {}, as its name says, the {} go {}, "
                            "beyond any model; {} 1 takes the numbers as they stand",
                            column, unit.from_header, what, range, flag));
    } else if (upper_median(values) > high) {
      add(true, fmt::format("column '{}' goes {}, more {} than any model has; is it another column "
                            "or unit? {} 1 takes the numbers as they stand",
                            column, range, what, flag));
    } else {
      add_small_count(of_params, column, range, flag);
    }
    return true;
  }

  void add_small_count(bool of_params, const std::string& column, const std::string& range,
                       const char* flag) {
    if (!of_params && column == kTokensByCompute) {
      return add(true, doubt_about_small_compute(points_, source_, range));
    }
    if (const auto piece = of_params ? std::nullopt : piece_of_tokens(column)) {
      return add(true, fmt::format("column '{}' goes {}: no tokens, but {}s? {}, {} 1 takes the "
                                   "numbers as they stand",
                                   column, range, piece->name,
                                   tokens_of_piece(source_.records, column, *piece), flag));
    }
    const bool params_odd = of_params || upper_median(params_) < kFewestParams;
    const bool tokens_odd = !of_params || upper_median(tokens_) < kFewestTokens;
    const auto [p, t] = likely_units(params_odd, tokens_odd);
    std::string guess = fmt::format("{} {}", flag, of_params ? p.name : t.name);
    std::string looks = fmt::format("a number in units of {:.0e}", of_params ? p.factor : t.factor);
    // Tokens a parameter, if the models are of a usual size: 1 to 2,000 and hardly rising with N.
    const bool ratio = !of_params && !params_odd && upper_median(tokens_) >= 0.1 &&
                       upper_median(tokens_) < 3000 && rank_correlation(params_, tokens_) < 0.3;
    if (ratio) {
      looks += " or tokens a parameter (D/N)";
      guess += " or --tokens-unit per-param";
    }
    if (looks_like_log10(of_params ? params_ : tokens_)) {
      looks += " or its log10";
      guess += fmt::format(" or {} log10", flag);
    }
    add(true,
        fmt::format("column '{}' goes {}, too few {} for a model: it looks like {}; say {}, or "
                    "{} 1 to take the numbers as they stand",
                    column, range, of_params ? "parameters" : "tokens", looks, guess, flag));
  }

  // From 1e5 to 1e16 by at most six powers of ten.
  static bool looks_like_log10(const std::vector<double>& values) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    return *least >= 5 && *most <= 16 && *most - *least <= 6;
  }

  std::string rows_value(const std::vector<double>& values,
                         const std::function<bool(double)>& odd) const {
    return fmt::format("{:.4g}", *std::find_if(values.begin(), values.end(), odd));
  }

  void about_ratio() {
    const bool by_compute =
        source_.tokens == kTokensByCompute || source_.params == kParamsByCompute;
    if (settled(by_compute ? source_.compute_unit : source_.tokens_unit) ||
        source_.params == kParamsByRatio) {
      return;
    }
    const double ratio =
        upper_median(each(points_, [](const Point& p) { return p.tokens / p.params; }));
    if (ratio >= kFewestPerParam && ratio <= kMostPerParam) return;
    if (by_compute) return add(true, doubt_about_derived_ratio(source_, ratio));
    const double swapped = 1 / ratio;
    std::string looks = "one of the two is in another unit";
    if (const auto piece = piece_of_tokens(source_.tokens)) {
      looks = fmt::format("'{}' counts {}s and no tokens ({})", source_.tokens, piece->name,
                          tokens_of_piece(source_.records, source_.tokens, *piece));
    }
    if (swapped >= 1 && swapped <= 2000) looks += ", or the columns are swapped";
    add(true, fmt::format("columns '{}' and '{}': {:.3g} tokens a parameter (the median), where "
                          "models see 1 to 100,000: {}; --params-unit and --tokens-unit say what "
                          "they are, --tokens-unit 1 that they are right",
                          source_.params, source_.tokens, ratio, looks));
  }

  void about_loss() {
    const double median = upper_median(losses_);
    const auto [least, most] = std::minmax_element(losses_.begin(), losses_.end());
    const std::string range = fmt::format("from {:.3g} to {:.3g}", *least, *most);
    const bool unsaid = source_.loss_unit == LossUnit::kUnsaid;
    if (*least == *most && points_.size() >= kEnoughForRanks) {
      return add(true, fmt::format("column '{}' is {:.6g} in every row: no loss of models that "
                                   "differ; is it another column, or one loss filled down?",
                                   source_.loss, *least));
    }
    if (unsaid && are_percent()) {
      return add(true,
                 fmt::format("column '{}' is written with percent signs, so that losses go {}: "
                             "losses are no shares; take the signs away, or --loss-unit nats "
                             "if it is right",
                             source_.loss, range));
    }
    about_level(median, *least, *most);
    if (!unsaid && !source_.loss_by_flag && source_.loss_unit == LossUnit::kPerplexity &&
        median < 0.9) {
      add(true,
          fmt::format("column '{}': its name says perplexity, but the logarithms go {}; if it "
                      "holds nats say --loss-unit nats",
                      source_.loss, range));
    }
    about_vocabulary();
    about_digits();
    if (auto sentence = describe_rise(points_, source_.loss)) add(false, std::move(*sentence));
  }

  // Losses too high or too low for their unit.
  void about_level(double median, double least, double most) {
    const std::string range = fmt::format("from {:.3g} to {:.3g}", least, most);
    const bool unsaid = source_.loss_unit == LossUnit::kUnsaid;
    const auto factor = median > kHighestMedianLoss && !said_nats()
                            ? factor_in_name(source_.loss, median)
                            : std::nullopt;
    if (factor) {
      add(true,
          fmt::format("column '{}' goes {}, and its name says a factor: times {:g} the losses "
                      "would go {:.3g} to {:.3g}; write them so, or --loss-unit nats takes "
                      "the numbers as they stand",
                      source_.loss, range, *factor, least * *factor, most * *factor));
    } else if (unsaid && median > kHighestMedianLoss) {
      add(true,
          fmt::format("column '{}' goes {}; a model that knows nothing of 100,000 tokens loses "
                      "11.5 nats: it looks like perplexity (its logarithm goes {:.3g} to "
                      "{:.3g}); say --loss-unit ppl, or --loss-unit nats if it is right",
                      source_.loss, range, std::log(least), std::log(most)));
    } else if (median > kHighestMedianLoss && !said_nats()) {
      add(!source_.loss_by_flag,
          fmt::format(
              "column '{}': taken as {}, the losses go {}, where a model that knows nothing "
              "of 100,000 tokens loses 11.5 nats: another unit or decimal mark? "
              "--loss-unit nats takes the numbers as they stand",
              source_.loss, describe(source_.loss_unit), range));
    } else if (unsaid && median > kHighLoss) {
      add(false,
          fmt::format("column '{}' goes {}, much for nats a token; if these are perplexities "
                      "or bits say --loss-unit ppl or --loss-unit bits",
                      source_.loss, range));
    } else if (unsaid && most < kLowestMaximum) {
      add(false,
          fmt::format(
              "column '{}' goes {}, little for nats a token of web text: bits or nats a byte "
              "or character (--loss-unit bpb, nats-per-byte; N* and D* stay the same), or "
              "logarithms (--loss-unit ln, log10; they do not)? --loss-unit nats says that "
              "it is right",
              source_.loss, range));
    } else if (auto sentence = unusual_losses(points_, source_.loss_unit, source_.loss)) {
      add(false, std::move(*sentence));
    }
  }

  bool are_percent() const {
    const std::size_t column = source_.records.column(source_.loss);
    const auto signs = std::count_if(source_.rows.begin(), source_.rows.end(), [&](auto row) {
      return trimmed(source_.records.rows[row][column]).ends_with('%');
    });
    return 2 * static_cast<std::size_t>(signs) > source_.rows.size();
  }

  bool said_nats() const { return source_.loss_by_flag && source_.loss_unit == LossUnit::kNats; }

  // Losses written with so few digits that runs cannot be told apart.
  void about_digits() {
    const std::size_t column = source_.records.column(source_.loss);
    std::size_t decimals = 0;
    for (const std::size_t row : source_.rows) {
      const std::string_view cell = trimmed(source_.records.rows[row][column]);
      const std::size_t mark = cell.find(source_.records.mark == DecimalMark::kComma ? ',' : '.');
      if (cell.find_first_of("eE%") != std::string_view::npos) return;
      if (mark != std::string_view::npos) decimals = std::max(decimals, cell.size() - mark - 1);
    }
    const double step = std::pow(10, -static_cast<double>(decimals));
    const double share = step / 2 / upper_median(losses_);
    if (source_.loss_unit != LossUnit::kUnsaid && source_.loss_unit != LossUnit::kNats) return;
    if (share < kCoarsestDigits || points_.size() < kEnoughForRanks) return;
    add(false,
        fmt::format("column '{}' is rounded to {:g}, {:.2g} % of a loss either way, more than "
                    "runs differ by: the fit is of the rounding; take the losses with more "
                    "digits",
                    source_.loss, step, 100 * share));
  }

  // Where the file says the vocabulary, guessing at random loses its logarithm and no more.
  void about_vocabulary() {
    for (const char* name : {"vocab", "vocab_size", "vocabulary", "vocabulary_size", "V"}) {
      if (!source_.records.has(name) || source_.loss_by_flag) continue;
      const std::size_t column = source_.records.column(name);
      std::vector<std::size_t> above;
      for (std::size_t i = 0; i < points_.size(); ++i) {
        const auto size = parse_number(source_.records.rows[source_.rows[i]][column]);
        if (size && *size > 1 && points_[i].loss > 1.05 * std::log(*size)) {
          above.push_back(source_.rows[i]);
        }
      }
      if (above.empty()) continue;
      add(2 * above.size() > points_.size(),
          fmt::format(
              "column '{}': {}: above ln of '{}', what guessing at random loses; not nats a "
              "token? --loss-unit says what it is",
              source_.loss, places(source_.records, above), name));
    }
  }

  const Points& points_;
  const PointSource& source_;
  std::vector<double> params_, tokens_, losses_;
  std::vector<Doubt> out_;
};

}  // namespace

std::vector<Doubt> doubts_about(const Points& points, const PointSource& source) {
  if (points.empty()) return {};
  return Doubter(points, source).all();
}

}  // namespace crosslaw::fit
