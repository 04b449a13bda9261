#include "fit/solve/identifiability.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <Eigen/QR>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "fit/data/confounding.h"
#include "fit/laws/law_parts.h"
#include "fit/solve/noise_factors.h"

namespace crosslaw::fit {
namespace {

constexpr double kSameValue = 0.10;         // sizes or token counts within 10 % count as one
constexpr double kRepeated = 0.01;          // log of tokens over unique tokens that is worth a name
constexpr double kSmallestShare = 1e-3;     // a target share below counts as none
constexpr double kSingular = 1e5;           // condition number beyond which nothing is identified
constexpr double kShaky = 300;              // and beyond which a warning is due
constexpr double kLargestLevelError = 1.5;  // of the log of a term at the centre of the data
constexpr double kLargestExponentError = 0.5;

int distinct(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  int count = 0;
  double first = -std::numeric_limits<double>::infinity();
  for (const double value : values) {
    if (value - first <= kSameValue) continue;
    first = value;
    ++count;
  }
  return count;
}

class Judge {
 public:
  Judge(const Objective& objective, const Theta& theta)
      : objective_(objective), law_(*objective.law), parts_(parts_of(law_)), theta_(theta) {
    out_.reasons.resize(static_cast<std::size_t>(law_.size()));
    out_.rough_reasons.resize(out_.reasons.size());
  }

  Identifiability verdict() {
    check_variation(Axis::kParams, "size");
    check_variation(Axis::kTokens, "token count");
    check_independence();
    check_further_columns();
    check_bounds();
    check_jacobian();
    return std::move(out_);
  }

 private:
  const CoefficientInfo& info(int i) const {
    return law_.coefficients[static_cast<std::size_t>(i)];
  }
  bool free_floor() const { return free(0) && info(0).kind == Kind::kFloor; }
  bool free(int i) const { return objective_.box.free[static_cast<std::size_t>(i)]; }

  void blame(int i, const std::string& reason) {
    std::string& mine = out_.reasons[static_cast<std::size_t>(i)];
    if (mine.empty()) mine = reason;
  }
  void say(std::string sentence) { out_.problems.push_back(std::move(sentence)); }
  void confound(const std::string& sentence) {
    if (out_.confounded.empty()) out_.confounded = sentence;
  }

  void check_bounds() {
    for (int i = 0; i < law_.size(); ++i) {
      const Standing where = standing(objective_, theta_, i);
      if (where == Standing::kInside) continue;
      const std::string name(info(i).name);
      const std::string reason =
          where == Standing::kNoFloor
              ? fmt::format("{} has fallen to 0: the data show no irreducible loss", name)
              : fmt::format("{} stands at the bound of the search ({:.6g})", name, theta_[i]);
      out_.at_bound.push_back(name);
      bound_.push_back(i);
      blame(i, reason);
      say(reason);
    }
  }

  // The strategies whose points have a say in a coefficient.
  std::vector<std::string_view> strategies_of(int i) const {
    std::vector<std::string_view> out;
    for (const LawPart& part : parts_) {
      const auto& all = part.coefficients;
      if (std::find(all.begin(), all.end(), i) != all.end()) out.push_back(part.strategy);
    }
    return out;
  }

  // What the points of these strategies have on an axis.
  std::vector<double> values(Axis axis, const std::vector<std::string_view>& strategies) const {
    std::vector<double> out;
    for (const Sample& s : objective_.samples) {
      const bool counts = std::any_of(parts_.begin(), parts_.end(), [&](const LawPart& part) {
        return describes(part, s.stage) &&
               std::count(strategies.begin(), strategies.end(), part.strategy) > 0;
      });
      if (counts) out.push_back(axis == Axis::kParams ? s.log_params : s.log_tokens);
    }
    return out;
  }

  // A term level / X^exponent needs two values of X among the points that it describes, and a third
  // where E is free as well.
  void check_variation(Axis axis, const std::string& what) {
    std::vector<std::pair<std::vector<std::string_view>, std::vector<int>>> groups;
    for (int i = 0; i < law_.size(); ++i) {
      if (!free(i) || info(i).axis != axis || info(i).name == kCrossExponent) continue;
      const std::vector<std::string_view> who = strategies_of(i);
      if (groups.empty() || groups.back().first != who) groups.push_back({who, {}});
      groups.back().second.push_back(i);
    }
    for (const auto& [who, mine] : groups) {
      const int needed = (free_floor() ? 1 : 0) + static_cast<int>(mine.size());
      const int have = distinct(values(axis, who));
      if (have >= needed) continue;
      report_variation(mine, what, have, needed, who.size() < parts_.size() ? who.front() : "");
    }
    if (axis != Axis::kParams || !law_.has(kCrossExponent)) return;
    const int gamma = law_.index(kCrossExponent);
    if (free(gamma) && distinct(values(axis, strategies_of(gamma))) < 2) {
      blame(gamma, "gamma needs points of at least two sizes");
      say("gamma cannot be fitted: it needs points of at least two sizes");
    }
  }

  void report_variation(const std::vector<int>& mine, const std::string& what, int have, int needed,
                        std::string_view strategy) {
    std::vector<std::string_view> names;
    if (free_floor()) names.push_back(info(0).name);
    for (const int i : mine) names.push_back(info(i).name);
    const std::string sentence = fmt::format(
        "the {} have {} distinct {}{} (values within 10 % count as one), but {} need {}",
        labelled(strategy, "points"), have, what, have == 1 ? "" : "s", fmt::join(names, ", "),
        needed);
    if (free_floor()) blame(0, sentence);
    for (const int i : mine) blame(i, sentence);
    confound(sentence);
    say(sentence);
  }

  // What repeated tokens, a share or base tokens are worth shows only where they differ.
  void check_further_columns() {
    const auto& all = objective_.samples;
    const auto differ = [&](double Sample::*field) {
      return std::any_of(all.begin(), all.end(), [&](const Sample& s) {
        return std::abs(s.*field - all.front().*field) > kRepeated;
      });
    };
    const bool repeats = std::any_of(
        all.begin(), all.end(), [](const Sample& s) { return s.log_unique_share < -kRepeated; });
    need(Axis::kRepeats, repeats, "no point sees a token twice (unique tokens below tokens)");
    need(Axis::kShare, differ(&Sample::target_share), "all points have the same target share");
    need(Axis::kBase, differ(&Sample::log_base_ratio),
         "all points have the same ratio of base tokens to tokens");
  }

  void need(Axis axis, bool met, const char* lack) {
    if (met || !law_.depends_on(axis)) return;
    std::vector<std::string_view> names;
    for (int i = 0; i < law_.size(); ++i) {
      if (info(i).axis == axis) names.push_back(info(i).name);
    }
    const std::string sentence = fmt::format("{}, which {} need{}", lack, fmt::join(names, " and "),
                                             names.size() == 1 ? "s" : "");
    for (int i = 0; i < law_.size(); ++i) {
      if (info(i).axis == axis) blame(i, sentence);
    }
    say(sentence);
  }

  // Does D vary at given N? If not, the size term and the data term are one and the same. So with
  // the data term and its gamma of one strategy alone, and with base tokens that follow N.
  void check_independence() {
    const Columns all = columns_of(std::nullopt);
    if (const auto ray = ray_of(all.log_params, all.log_tokens)) {
      const std::string sentence = describe_dependence(*ray, all);
      for (int i = 0; i < law_.size(); ++i) {
        if (free(i)) blame(i, sentence);
      }
      confound(sentence);
      return say(sentence);
    }
    for (const LawPart& part : parts_) {
      if (parts_.size() > 1 && part.law->has(kCrossExponent)) check_own_data(part);
    }
    check_follower(Axis::kBase, "D1", all.log_params, all.log_base);
    check_follower(Axis::kShare, "r", all.log_params, all.log_share);
  }

  // A further column that follows N says nothing of its own.
  void check_follower(Axis axis, const char* name, const std::vector<double>& log_params,
                      const std::vector<double>& column) {
    if (!law_.depends_on(axis)) return;
    const auto ray = ray_of(log_params, column);
    if (!ray) return;
    const std::string sentence =
        fmt::format("{} follows N in every point; {}", name, describe(*ray, "N", name));
    for (int i = 0; i < law_.size(); ++i) {
      if (free(i) && info(i).axis == axis) blame(i, sentence);
    }
    say(sentence);
  }

  void check_own_data(const LawPart& part) {
    const Columns own = columns_of(part.stage);
    const auto ray = ray_of(own.log_params, own.log_tokens);
    if (!ray) return;
    const std::string sentence =
        fmt::format("of {} points {}", part.strategy, describe_dependence(*ray, own));
    for (const int i : part.coefficients) {
      const bool shared = strategies_of(i).size() > 1;
      if (free(i) && !shared) blame(i, sentence);
    }
    confound(sentence);
    say(sentence);
  }

  struct Columns {
    std::vector<double> log_params, log_tokens, log_base, log_share;  // as measured, not centred
  };

  Columns columns_of(std::optional<Stage> stage) const {
    Columns out;
    for (const Sample& s : objective_.samples) {
      if (stage && s.stage != *stage) continue;
      out.log_params.push_back(s.log_params + objective_.mean_log_params);
      out.log_tokens.push_back(s.log_tokens + objective_.mean_log_tokens);
      out.log_base.push_back(out.log_tokens.back() + s.log_base_ratio);
      out.log_share.push_back(std::log(std::max(s.target_share, kSmallestShare)));
    }
    return out;
  }

  static std::string describe_dependence(const Ray& ray, const Columns& columns) {
    const std::string so =
        "so the size term and the data term cannot be told apart; " + describe(ray, "N", "D");
    if (std::abs(ray.slope - 1) < 0.1) {
      Range ratio{std::numeric_limits<double>::infinity(), 0};
      for (std::size_t i = 0; i < columns.log_params.size(); ++i) {
        const double each = std::exp(columns.log_tokens[i] - columns.log_params[i]);
        ratio = {std::min(ratio.low, each), std::max(ratio.high, each)};
      }
      return fmt::format(
          "every point has nearly the same tokens per parameter ({:.3g} to {:.3g}), {}", ratio.low,
          ratio.high, so);
    }
    if (std::abs(ray.slope + 1) < 0.1) {
      return fmt::format("every point has nearly the same compute (6ND about {:.3g}), {}",
                         6 * std::exp(ray.intercept), so);
    }
    return fmt::format("D follows N in every point (D about {:.3g} N^{:.2f}), {}",
                       std::exp(ray.intercept), ray.slope, so);
  }

  void check_jacobian() {
    std::vector<int> open;
    for (int i = 0; i < law_.size(); ++i) {
      if (free(i)) open.push_back(i);
    }
    Eigen::MatrixXd columns = jacobian(objective_, theta_)(Eigen::all, open);
    for (Eigen::Index r = 0; r < columns.rows(); ++r) {
      columns.row(r) *= std::sqrt(objective_.samples[static_cast<std::size_t>(r)].weight);
    }
    const Eigen::VectorXd lengths = columns.colwise().norm();
    out_.condition = std::numeric_limits<double>::infinity();
    if (open.empty() || !lengths.allFinite()) return report_singular(open, {});
    if (!(lengths.minCoeff() > 0)) return report_without_effect(open, lengths);
    // Through R of QR: the singular values and right vectors of a tall matrix are those of R.
    const Eigen::HouseholderQR<Eigen::MatrixXd> qr(columns * lengths.cwiseInverse().asDiagonal());
    const Eigen::Index count = columns.cols();
    Eigen::MatrixXd triangle = Eigen::MatrixXd::Zero(count, count);
    const Eigen::Index rank = std::min(count, columns.rows());
    triangle.topRows(rank) = qr.matrixQR().topRows(rank).triangularView<Eigen::Upper>();
    const Eigen::JacobiSVD<Eigen::MatrixXd, Eigen::NoQRPreconditioner> svd(triangle,
                                                                           Eigen::ComputeFullV);
    const Eigen::VectorXd& values = svd.singularValues();
    const Eigen::Index last = values.size() - 1;
    if (values[last] > 0) out_.condition = values[0] / values[last];
    if (!(out_.condition < kSingular)) return report_singular(open, svd.matrixV().col(last));
    if (out_.condition > kShaky) {
      say(
          fmt::format("the coefficients are strongly tied to each other (condition number {:.3g}); "
                      "read them together, with their intervals",
                      out_.condition));
    }
    const Eigen::MatrixXd spread = svd.matrixV() * values.cwiseInverse().asDiagonal();
    const double noise = noise_factors(objective_, theta_).error;
    for (std::size_t k = 0; k < open.size(); ++k) {
      const auto row = static_cast<Eigen::Index>(k);
      check_error(open[k], noise * spread.row(row).norm() / lengths[row]);
    }
  }

  void report_without_effect(const std::vector<int>& open, const Eigen::VectorXd& lengths) {
    std::vector<int> idle;
    for (std::size_t k = 0; k < open.size(); ++k) {
      if (!(lengths[static_cast<Eigen::Index>(k)] > 0)) idle.push_back(open[k]);
    }
    for (const int i : idle) {
      const std::string sentence =
          fmt::format("{} changes no prediction of these points", info(i).name);
      blame(i, sentence);
      confound(sentence);
      say(sentence);
    }
  }

  void report_singular(const std::vector<int>& open, const Eigen::VectorXd& direction) {
    std::vector<std::string_view> tied;
    for (std::size_t k = 0; k < open.size(); ++k) {
      if (direction.size() > 0 && std::abs(direction[static_cast<Eigen::Index>(k)]) < 0.2) continue;
      tied.push_back(info(open[k]).name);
    }
    const std::string sentence =
        fmt::format("{} cannot be told apart by these points (condition number {:.2g})",
                    fmt::join(tied, ", "), out_.condition);
    for (const int i : open) {
      if (std::find(tied.begin(), tied.end(), info(i).name) != tied.end()) blame(i, sentence);
    }
    confound(sentence);
    say(sentence);
  }

  void check_error(int i, double error) {
    if (std::find(bound_.begin(), bound_.end(), i) != bound_.end()) return;
    const bool exponent = info(i).kind == Kind::kExponent;
    if (error <= (exponent ? kLargestExponentError : kLargestLevelError)) return;
    const std::string sentence =
        exponent
            ? fmt::format("{} is known only to +-{:.2g} (one standard error)", info(i).name, error)
            : fmt::format(
                  "the term of {} is known only to a factor of {:.2g} (one standard "
                  "error)",
                  info(i).name, std::exp(std::min(error, 50.0)));
    out_.rough_reasons[static_cast<std::size_t>(i)] = sentence;
  }

  const Objective& objective_;
  const Law& law_;
  std::vector<LawPart> parts_;
  const Theta& theta_;
  std::vector<int> bound_;
  Identifiability out_;
};

}  // namespace

Identifiability judge(const Objective& objective, const Theta& theta) {
  return Judge(objective, theta).verdict();
}

}  // namespace crosslaw::fit
