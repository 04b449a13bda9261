#include "apps/charts/documents.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "apps/charts/fit_charts.h"
#include "fit/write/fit_text.h"

namespace crosslaw::charts {
namespace {

constexpr std::size_t kMostWarnings = 4;

std::string law_name(const fit::FitResult& fit) {
  return fit.method == "two-stage" ? fit.method : std::string(fit.law->name);
}

std::string with_source(const std::string& title, const DataNames& names) {
  return names.source.empty() ? title : fmt::format("{}: {}", title, names.source);
}

// For the head of an SVG file, which has no tables.
std::string coefficients_line(const fit::FitResult& fit) {
  std::string out;
  for (const fit::Coefficient& each : fit.coefficients) {
    out += fmt::format("{}{} = {:.5g}", out.empty() ? "" : ", ", each.name, each.value);
    if (each.ci95)
      out += fmt::format(" [{}, {}]", written(each.ci95->low, Numbers::kPlain),
                         written(each.ci95->high, Numbers::kPlain));
  }
  return out;
}

std::string points_line(const fit::FitResult& fit, const DataNames& names) {
  std::string out = fmt::format("{} points", fit.points);
  if (fit.measured_range) {
    const fit::DataRange& c = *fit.measured_range;
    out +=
        fmt::format(", N {} to {}, D {} to {}, compute {} to {} FLOPs",
                    written(c.params.low, Numbers::kCount), written(c.params.high, Numbers::kCount),
                    written(c.tokens.low, Numbers::kCount), written(c.tokens.high, Numbers::kCount),
                    written(c.flops.low, Numbers::kPower), written(c.flops.high, Numbers::kPower));
  }
  const DataNames usual;
  const auto add = [&](const char* what, const std::string& column, const std::string& expected) {
    if (!column.empty() && column != expected)
      out += fmt::format("; {} is column {}", what, column);
  };
  // Only a column of another name needs a word.
  add("N", names.params, usual.params);
  add("D", names.tokens, usual.tokens);
  add("the loss", names.loss, usual.loss);
  return out + ".";
}

std::vector<std::string> gravest(const std::vector<std::string>& sentences) {
  std::vector<std::string> out;
  for (const std::string& each : sentences) {
    if (out.size() == kMostWarnings) {
      out.push_back(fmt::format("and {} more", sentences.size() - kMostWarnings));
      break;
    }
    out.push_back(each);
  }
  return out;
}

std::string about_optimum(const fit::FitResult& fit) {
  const fit::Certificate& c = fit.certificate;
  std::string out = fmt::format(
      "The optimum is {}: the gradient is {:.1e} where its terms sum to {:.1e}, and {} of {} "
      "starts end there.",
      fit.converged ? "stationary" : "NOT stationary", c.gradient_norm, c.gradient_scale,
      c.starts_at_best, c.starts);
  for (const fit::OtherOptimum& other : c.other_optima) {
    out += fmt::format(" {} starts end at another optimum, objective {:.6g}.", other.starts,
                       other.objective);
  }
  return out;
}

std::string about_objective(const fit::FitResult& fit) {
  const fit::Certificate& c = fit.certificate;
  const std::string kind =
      std::isfinite(fit.huber_delta)
          ? fmt::format("the sum of Huber losses of log residuals, delta {:.3g}", fit.huber_delta)
          : "half the sum of squared log residuals";
  return fmt::format(
      "The objective, {}, is {:.9g}; residuals are {:.3g} % rms of the loss, {:.0f} % of them "
      "within delta.",
      kind, fit.objective, 100 * c.rms_log_residual, 100 * c.quadratic_share);
}

std::string about_intervals(const fit::FitResult& fit) {
  if (fit.draws.rows() == 0) return "There are no intervals, for no bootstrap was asked for.";
  return fmt::format("Intervals hold 95 % of {} refits, {} resampled with seed {}{}.",
                     fit.draws.rows(), name_of(fit.bootstrap.kind), fit.bootstrap.seed,
                     fit.bootstrap.failed == 0
                         ? ""
                         : fmt::format("; {} further refits reached no optimum and are left out",
                                       fit.bootstrap.failed));
}

std::vector<std::string> certificate_sentences(const fit::FitResult& fit) {
  if (fit.method == "given") return {"The coefficients were given, not fitted."};
  return {about_optimum(fit), about_objective(fit),
          fmt::format("The data {} all coefficients: the condition number is {:.4g}.",
                      fit.identifiable ? "identify" : "do NOT identify", fit.certificate.condition),
          about_intervals(fit)};
}

Document document_of(const fit::FitResult& fit, const DataNames& names) {
  Document out;
  out.formula = std::string(fit.law->formula);
  out.in_short = coefficients_line(fit);
  if (fit.points > 0) out.heading.lines.push_back(points_line(fit, names));
  out.sentences = certificate_sentences(fit);
  out.tables.push_back({"Coefficients", fit::coefficient_table(fit)});
  return out;
}

}  // namespace

Document fit_document(const fit::FitResult& fit, const fit::Points& points,
                      const std::vector<fit::Profile>& profiles, const DataNames& names) {
  Document out = document_of(fit, names);
  out.heading.title = with_source(fmt::format("Fit of the {} law", law_name(fit)), names);
  out.heading.warnings = gravest(fit.problems);
  out.panels = fit_panels(fit, points, profiles, names);
  return out;
}

Document allocation_document(const fit::FitResult& fit, const fit::AllocationReport& report,
                             const fit::Points& points, const DataNames& names) {
  Document out = document_of(fit, names);
  out.heading.title =
      with_source(fmt::format("Compute-optimal allocation by the {} law", law_name(fit)), names);
  out.heading.warnings = gravest(fit::warnings(report));
  out.tables.insert(out.tables.begin(), {{"Allocation", fit::allocation_table(report)},
                                         {"What continuing saves", fit::saving_table(report)}});
  out.panels = allocation_panels(fit, report, points);
  return out;
}

Document combined(const std::string& title, const std::vector<NamedDocument>& parts) {
  Document out;
  out.heading.title = title;
  for (const auto& [name, part] : parts) {
    const auto add = [start = name + ": "](std::vector<std::string>& all,
                                           const std::vector<std::string>& sentences) {
      for (const std::string& each : sentences) all.push_back(start + each);
    };
    add(out.heading.lines, part.heading.lines);
    add(out.heading.warnings, part.heading.warnings);
    add(out.sentences, part.sentences);
    out.in_short += (out.in_short.empty() ? "" : "; ") + name + ": " + part.in_short;
    for (const NamedTable& each : part.tables) {
      out.tables.push_back({fmt::format("{}: {}", name, each.title), each.table});
    }
    for (Panel panel : part.panels) {
      panel.title = fmt::format("{}: {}", name, panel.title);
      out.panels.push_back(std::move(panel));
    }
  }
  return out;
}

}  // namespace crosslaw::charts
