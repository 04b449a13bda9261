#include "fit/data/populations.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <string_view>

#include "fit/data/column_name.h"
#include "fit/data/column_role.h"
#include "fit/data/ranks.h"
#include "fit/data/smooth_losses.h"

namespace crosslaw::fit {
namespace {

constexpr std::size_t kFewestPoints = 12;  // before a surface bends
constexpr std::size_t kCubicFrom = 40;     // points; a cubic bends as any law over a wide range
constexpr std::size_t kMostLabels = 12;    // values of a column that labels
constexpr std::size_t kFewestOfLabel = 3;  // rows of each value
constexpr std::size_t kPointsCompared = 2000;
constexpr double kMostExplained = 0.5;     // of the sum of residuals may be left
constexpr double kSmallestOffset = 0.015;  // of log loss; less is no other population
constexpr double kClearStep = 0.05;        // of an offset that few counts tell from a bend
constexpr double kFollowsCount = 0.6;      // rank correlation of numbers with N or D
constexpr double kBeyondChance = 12;       // gain of log-likelihood, and as much a value more
constexpr double kChanceOfLabel = 4;
constexpr double kSameAsBits = 0.03;  // of a log, from ln(1/ln 2)
constexpr double kWideScatter = 0.03;
constexpr std::size_t kEnoughForScatter = 24;  // below, a law over a wide range bends as much
constexpr double kOneSize = 0.01;              // of log N
constexpr int kRounds = 40;
constexpr std::size_t kLabelsShown = 4;

// Settings that are tried for the best loss: their rows are no populations (repeated_rows.h).
constexpr std::string_view kSettings[] = {
    "lr",  "learning", "rate",    "batch", "bs",    "decay", "wd",     "warmup",  "seed",  "beta",
    "eps", "momentum", "dropout", "step",  "steps", "epoch", "epochs", "repeats", "passes"};

bool names_setting(const std::string& column) {
  const std::string words = words_in_name(column);
  return std::any_of(std::begin(kSettings), std::end(kSettings),
                     [&](std::string_view word) { return holds_word(words, word); });
}

// Of each compared point the place of its value among those of the column.
struct Labels {
  std::string column;
  std::vector<std::string> values;  // the most frequent first
  std::vector<std::size_t> of;
};

std::optional<Labels> labels_of(const PointSource& source, const std::vector<std::size_t>& compared,
                                std::size_t column) {
  std::map<std::string, std::size_t> counts;
  const Records& records = source.records;
  for (const std::size_t i : compared) {
    ++counts[text_in(records, source.rows[i], column)];
    if (counts.size() > kMostLabels) return std::nullopt;
  }
  Labels out{records.columns[column], {}, {}};
  for (const auto& [value, count] : counts) {
    if (count < kFewestOfLabel) return std::nullopt;
    out.values.push_back(value);
  }
  if (out.values.size() < 2) return std::nullopt;
  std::stable_sort(out.values.begin(), out.values.end(),
                   [&](const auto& a, const auto& b) { return counts[a] > counts[b]; });
  for (const std::size_t i : compared) {
    const auto at =
        std::find(out.values.begin(), out.values.end(), text_in(records, source.rows[i], column));
    out.of.push_back(static_cast<std::size_t>(at - out.values.begin()));
  }
  return out;
}

// Columns whose values may label populations: texts, and numbers of few values, that are not in
// use and measure nothing that a law reads.
std::vector<Labels> all_labels(const PointSource& source, const std::vector<std::size_t>& compared,
                               const std::vector<std::size_t>& used) {
  std::vector<Labels> out;
  const Records& records = source.records;
  for (std::size_t c = 0; c < records.columns.size(); ++c) {
    if (std::find(used.begin(), used.end(), c) != used.end()) continue;
    const std::string& name = records.columns[c];
    const bool numbers = std::any_of(compared.begin(), compared.end(), [&](std::size_t i) {
      return read_number(records.rows[source.rows[i]][c], records.mark).has_value();
    });
    if ((numbers && names_some_role(name)) || names_ratio(name) || names_setting(name)) continue;
    if (auto one = labels_of(source, compared, c)) out.push_back(std::move(*one));
  }
  return out;
}

// The powers of log N and log D, a row a point, each logarithm by its standard deviation.
Eigen::MatrixXd surface_terms(const Points& points, const std::vector<std::size_t>& compared) {
  const auto count = static_cast<Eigen::Index>(compared.size());
  Eigen::ArrayXd x(count), y(count);
  for (Eigen::Index i = 0; i < count; ++i) {
    x[i] = std::log(points[compared[static_cast<std::size_t>(i)]].params);
    y[i] = std::log(points[compared[static_cast<std::size_t>(i)]].tokens);
  }
  for (Eigen::ArrayXd* each : {&x, &y}) {
    *each -= each->mean();
    const double size = std::sqrt(each->square().mean());
    if (size > 0) *each /= size;
  }
  const int degree = compared.size() >= kCubicFrom ? 3 : 2;
  Eigen::MatrixXd out(count, (degree + 1) * (degree + 2) / 2);
  Eigen::Index column = 0;
  for (int a = 0; a <= degree; ++a) {
    for (int b = 0; a + b <= degree; ++b) out.col(column++) = x.pow(a) * y.pow(b);
  }
  return out;
}

// The least sum of absolute residuals, by reweighting, and where it is.
struct LeastAbsolute {
  double sum = 0;
  Eigen::VectorXd fit;
};

LeastAbsolute least_absolute(const Eigen::MatrixXd& design, const Eigen::VectorXd& values) {
  LeastAbsolute out;
  Eigen::VectorXd weights = Eigen::VectorXd::Ones(values.size());
  for (int round = 0; round < kRounds; ++round) {
    const Eigen::MatrixXd weighted = weights.asDiagonal() * design;
    out.fit = (design.transpose() * weighted)
                  .completeOrthogonalDecomposition()
                  .solve(weighted.transpose() * values);
    const Eigen::ArrayXd sizes = (values - design * out.fit).array().abs();
    out.sum = sizes.sum();
    weights = sizes.max(1e-6).inverse().matrix();
  }
  return out;
}

// What offsets of the values explain.
struct Explained {
  const Labels* labels = nullptr;
  double left = 1;              // of the sum of residuals
  std::vector<double> offsets;  // of log loss, from the first value on, which has none
};

// Of which of the two counts the values are a function; 0: of none. The number of the counts.
std::size_t counts_followed(const Points& points, const std::vector<std::size_t>& compared,
                            const Labels& labels) {
  for (const bool of_params : {true, false}) {
    std::map<double, std::size_t> seen;
    bool follows = true;
    for (std::size_t k = 0; k < compared.size(); ++k) {
      const Point& point = points[compared[k]];
      const auto [found, added] =
          seen.try_emplace(of_params ? point.params : point.tokens, labels.of[k]);
      follows = follows && (added || found->second == labels.of[k]);
    }
    if (follows) return seen.size();
  }
  return 0;
}

// Each value is one model or one run, whose losses no law of N and D can be fitted to.
bool names_models(const Points& points, const std::vector<std::size_t>& compared,
                  const Labels& labels) {
  std::vector<double> size(labels.values.size(), 0);
  for (std::size_t k = 0; k < compared.size(); ++k) {
    double& first = size[labels.of[k]];
    const double params = points[compared[k]].params;
    if (first == 0) first = params;
    if (std::abs(std::log(first / params)) > kOneSize) return false;
  }
  return true;
}

// Numbers such as the width, which go with N or D: what they explain is the bend of the law.
bool goes_with_counts(const Points& points, const std::vector<std::size_t>& compared,
                      const PointSource& source, const Labels& labels) {
  std::vector<double> values, params, tokens;
  const std::size_t column = source.records.column(labels.column);
  for (const std::size_t i : compared) {
    const auto value =
        parse_number(source.records.rows[source.rows[i]][column], source.records.mark);
    if (!value) return false;
    values.push_back(*value);
    params.push_back(points[i].params);
    tokens.push_back(points[i].tokens);
  }
  return std::abs(rank_correlation(values, params)) > kFollowsCount ||
         std::abs(rank_correlation(values, tokens)) > kFollowsCount;
}

// Where the values follow from a count, few counts do not tell a step from a bend.
bool is_no_bend(const Explained& found, std::size_t counts, Eigen::Index terms) {
  if (counts == 0) return true;
  const std::size_t fitted = (terms == 10 ? 4 : 3) + found.offsets.size() - 1;
  const auto [low, high] = std::minmax_element(found.offsets.begin(), found.offsets.end());
  return counts >= fitted + 3 || (counts > fitted && *high - *low > kClearStep);
}

Explained explained_by(const Labels& labels, const Eigen::MatrixXd& surface,
                       const Eigen::VectorXd& log_loss, double without) {
  const auto extra = static_cast<Eigen::Index>(labels.values.size()) - 1;
  Eigen::MatrixXd design(surface.rows(), surface.cols() + extra);
  design.leftCols(surface.cols()) = surface;
  design.rightCols(extra).setZero();
  for (Eigen::Index i = 0; i < design.rows(); ++i) {
    const auto label = static_cast<Eigen::Index>(labels.of[static_cast<std::size_t>(i)]);
    if (label > 0) design(i, surface.cols() + label - 1) = 1;
  }
  const LeastAbsolute with = least_absolute(design, log_loss);
  Explained out{&labels, with.sum / without, {0}};
  for (Eigen::Index k = 0; k < extra; ++k) out.offsets.push_back(with.fit[surface.cols() + k]);
  return out;
}

bool beyond_chance(const Explained& found, std::size_t points) {
  const auto [low, high] = std::minmax_element(found.offsets.begin(), found.offsets.end());
  const auto labels = static_cast<double>(found.offsets.size());
  const double gain = -static_cast<double>(points) * std::log(std::max(found.left, 1e-9));
  return found.left<kMostExplained&& * high - *low> kSmallestOffset &&
         gain > kBeyondChance + kChanceOfLabel * (labels - 2);
}

// A factor of 1.44 between two values is that of bits to nats.
std::string bits_among(const Explained& found) {
  const double ratio = std::log(1 / std::numbers::ln2);
  for (std::size_t k = 1; k < found.offsets.size(); ++k) {
    const double log = found.offsets[k];
    if (std::abs(std::abs(log) - ratio) > kSameAsBits) continue;
    return fmt::format("; {:.3g} is 1/ln 2: losses of {} in bits? Times 0.6931 they are nats",
                       std::exp(std::abs(log)), found.labels->values[log > 0 ? k : 0]);
  }
  return "";
}

std::string sentence_of(const Explained& found, bool repeats) {
  const Labels& labels = *found.labels;
  std::vector<std::string> offsets;
  for (std::size_t k = 1; k < labels.values.size() && k <= kLabelsShown; ++k) {
    const double log = found.offsets[k];
    offsets.push_back(fmt::format("of {} {:.3g} % {}", labels.values[k],
                                  100 * std::abs(std::expm1(log)), log > 0 ? "above" : "below"));
  }
  if (labels.values.size() > kLabelsShown + 1) {
    offsets.push_back(fmt::format("and {} more", labels.values.size() - kLabelsShown - 1));
  }
  std::string out = fmt::format(
      "column '{0}' tells populations apart: losses {1} those of {2} at equal N and D, which "
      "explains {3:.0f} % of the scatter{4}; one law does not hold for all: --by "
      "'{0}' fits each, --where '{0}={2}' takes one",
      labels.column, fmt::join(offsets, ", "), labels.values[0], 100 * (1 - found.left),
      bits_among(found));
  if (repeats) out += "; if they are settings that were tried, --best-of N,D takes the best";
  return out;
}

// Such points lie on no one surface in N and D by their law.
bool reads_more(const Points& points) {
  const bool stages = std::any_of(points.begin(), points.end(), [&](const Point& each) {
    return each.stage != points.front().stage;
  });
  return stages || have_more_than_size_and_tokens(points);
}

}  // namespace

std::optional<std::string> describe_populations(const Points& points, const PointSource& source,
                                                const std::vector<std::size_t>& used,
                                                bool repeats) {
  if (points.size() < kFewestPoints || reads_more(points)) return std::nullopt;
  std::vector<std::size_t> compared;
  const std::size_t stride = (points.size() + kPointsCompared - 1) / kPointsCompared;
  for (std::size_t i = 0; i < points.size(); i += stride) compared.push_back(i);
  const std::vector<Labels> labels = all_labels(source, compared, used);
  if (labels.empty()) return std::nullopt;
  const Eigen::MatrixXd surface = surface_terms(points, compared);
  Eigen::VectorXd log_loss(surface.rows());
  for (Eigen::Index i = 0; i < log_loss.size(); ++i) {
    log_loss[i] = std::log(points[compared[static_cast<std::size_t>(i)]].loss);
  }
  const double without = least_absolute(surface, log_loss).sum;
  std::optional<Explained> best;
  for (const Labels& each : labels) {
    if (names_models(points, compared, each) || goes_with_counts(points, compared, source, each)) {
      continue;
    }
    Explained one = explained_by(each, surface, log_loss, without);
    const std::size_t counts = counts_followed(points, compared, each);
    if (!beyond_chance(one, compared.size()) || !is_no_bend(one, counts, surface.cols())) continue;
    if (!best || one.left < best->left) best = std::move(one);
  }
  return best ? std::optional(sentence_of(*best, repeats)) : std::nullopt;
}

std::optional<std::string> describe_scatter(const Points& points, const PointSource& source) {
  if (points.size() < kEnoughForScatter || reads_more(points)) return std::nullopt;
  const double scatter = SmoothLosses(points).scatter();
  if (scatter < kWideScatter) return std::nullopt;
  return fmt::format(
      "column '{}' scatters by {:.2g} % around a smooth surface in N and D, where losses of one "
      "study scatter by less than 1 %: is something else varied, or mixed (text, tokenizer, "
      "schedule, units)? --where takes one kind of rows",
      source.loss, 100 * scatter);
}

}  // namespace crosslaw::fit
