#include "apps/commands/fit_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <ostream>
#include <stdexcept>
#include <utility>

#include "apps/study/source_text.h"
#include "fit/allocate/allocation.h"
#include "fit/data/records.h"
#include "fit/evidence/recipe_ratio.h"
#include "fit/write/allocation_table.h"
#include "fit/write/convention.h"
#include "fit/write/fit_json.h"

namespace crosslaw::apps {
namespace {

struct Group {
  std::string name;
  Dataset data;
  fit::FitResult fit;
};

std::vector<std::string> values_of(const std::string& text, const FitGroupsOptions& options) {
  const fit::Records records = fit::parse_records(text, options.source.file.path, {options.by});
  const std::size_t column = records.column(options.by);
  std::vector<std::string> out;
  for (std::size_t r = 0; r < records.rows.size(); ++r) {
    const std::string value = fit::text_in(records, r, column);
    if (!value.empty() && std::find(out.begin(), out.end(), value) == out.end())
      out.push_back(value);
  }
  return out;
}

std::vector<Group> fit_groups(const FitGroupsOptions& options, std::ostream& log) {
  const std::string text = read_source_text(options.source.file.path);
  std::vector<Group> out;
  for (const std::string& value : values_of(text, options)) {
    fit::DataFileOptions file = options.source.file;
    file.where.push_back(fmt::format("{}={}", options.by, value));
    try {
      Group group{value, dataset_of_text(text, file), {}};
      const fit::Points& points = group.data.data.points;
      fit::FitOptions settings = fit_settings(options.fitting, group.data.data.used, points.size());
      // Groups share no runs: resamples of their own make their intervals independent.
      settings.seed += out.size();
      group.fit = fit::fit_law(points, settings);
      group.fit.convention = group.data.convention;
      out.push_back(std::move(group));
    } catch (const std::invalid_argument& error) {
      log << fmt::format("crosslaw fit: {}={}: {}\n", options.by, value, error.what());
    }
  }
  return out;
}

double common_flops(const std::vector<Group>& groups) {
  double out = std::numeric_limits<double>::infinity();
  for (const Group& each : groups) out = std::min(out, each.fit.measured_range->flops.high);
  return out;
}

std::string signed_number(double value) { return fmt::format("{:+.4f}", value); }

using Format = std::string (*)(double);

void add(const fit::Estimate& each, Format format, std::vector<std::string>& row) {
  row.push_back(each.value ? format(*each.value) : "-");
  if (!each.ci95) {
    row.emplace_back("-");
  } else if (format == fit::short_count) {
    row.push_back(fit::short_interval(each.ci95->low, each.ci95->high));
  } else {
    row.push_back(fmt::format("[{}, {}]", format(each.ci95->low), format(each.ci95->high)));
  }
}

void add_exact(const fit::Estimate& each, std::vector<std::string>& row) {
  const auto cell = [](bool there, double value) { return there ? fit::exact(value) : ""; };
  row.push_back(cell(each.value.has_value(), each.value.value_or(0)));
  row.push_back(cell(each.ci95.has_value(), each.ci95.value_or(fit::Range{}).low));
  row.push_back(cell(each.ci95.has_value(), each.ci95.value_or(fit::Range{}).high));
}

fit::Allocation optimum_of(const Group& group, double flops) {
  fit::AllocationOptions options;
  options.flops = {flops};
  return fit::allocate(group.fit, options);
}

// A line a group: the optimum first, for coefficients of different laws do not compare one by one.
fit::Table group_table(const std::vector<Group>& groups, double flops, bool exact) {
  fit::Table out;
  out.header = {"group", "points"};
  const auto head = [&](const std::string& name, const std::string& csv) {
    if (exact) {
      out.header.insert(out.header.end(), {csv, csv + "_low", csv + "_high"});
    } else {
      out.header.insert(out.header.end(), {name, "95%"});
    }
  };
  head("N*", "params"), head("D*", "tokens"), head("loss", "loss"), head("a", "params_exponent");
  for (const fit::CoefficientInfo& info : groups.front().fit.law->coefficients)
    head(std::string(info.name), std::string(info.name));
  if (exact) out.header.insert(out.header.end(), {"identifiable", "flops"});
  for (const Group& each : groups) {
    std::vector<std::string> row = {each.name, fmt::format("{}", each.fit.points)};
    const auto cell = [&](const fit::Estimate& value, Format format) {
      exact ? add_exact(value, row) : add(value, format, row);
    };
    const fit::Allocation best = optimum_of(each, flops);
    const fit::AllocationRow at = best.rows.empty() ? fit::AllocationRow{} : best.rows[0];
    cell(at.params, fit::short_count), cell(at.tokens, fit::short_count);
    cell(at.loss, [](double loss) { return fmt::format("{:.4f}", loss); });
    cell(best.growth ? best.growth->params_exponent : fit::Estimate{}, fit::short_number);
    for (const fit::Coefficient& c : each.fit.coefficients)
      cell({c.value, c.se, c.ci95}, fit::short_number);
    if (exact) row.insert(row.end(), {each.fit.identifiable ? "1" : "0", fit::exact(flops)});
    out.rows.push_back(std::move(row));
  }
  return out;
}

fit::Table ratio_table(const std::vector<fit::RecipeRatio>& ratios, bool exact) {
  fit::Table out;
  out.align = "ll";
  out.header = {"group", "against"};
  if (exact) {
    out.header.insert(out.header.end(),
                      {"speed_up", "speed_up_low", "speed_up_high", "loss_difference",
                       "loss_difference_low", "loss_difference_high", "flops"});
  } else {
    out.header.insert(out.header.end(), {"speed-up", "95%", "loss difference", "95%"});
  }
  for (const fit::RecipeRatio& each : ratios) {
    std::vector<std::string> row = {each.recipe, each.against};
    if (exact) {
      add_exact(each.speed_up, row), add_exact(each.loss_difference, row);
      row.push_back(fit::exact(each.flops));
    } else {
      add(each.speed_up, fit::short_number, row), add(each.loss_difference, signed_number, row);
    }
    out.rows.push_back(std::move(row));
  }
  return out;
}

// One table: a row a group and another that it saves against; one that saves against none has a row
// of its own.
std::string csv_of(const std::vector<Group>& groups, const std::vector<fit::RecipeRatio>& ratios,
                   double flops) {
  const fit::Table alone = group_table(groups, flops, true), pairs = ratio_table(ratios, true);
  const auto without_group_and_flops = [](const std::vector<std::string>& row) {
    return std::vector<std::string>(row.begin() + 1, row.end() - 1);
  };
  fit::Table table;
  const auto add = [&](std::vector<std::string> row, const std::vector<std::string>& pair) {
    const std::vector<std::string> rest = without_group_and_flops(pair);
    row.insert(row.end(), rest.begin(), rest.end());
    return row;
  };
  table.header = add(alone.header, pairs.header);
  for (const auto& group : alone.rows) {
    const std::size_t before = table.rows.size();
    for (const auto& pair : pairs.rows) {
      if (pair.front() == group.front()) table.rows.push_back(add(group, pair));
    }
    if (table.rows.size() == before)
      table.rows.push_back(add(group, std::vector<std::string>(pairs.header.size())));
  }
  const fit::FitResult& first = groups.front().fit;
  return fit::render(
      fit::stacked({"language", "fit", "law"},
                   {{{"", "", law_name(first)}, fit::with_convention(table, first.convention)}}),
      fit::TableFormat::kCsv);
}

nlohmann::ordered_json json_of(const std::vector<Group>& groups,
                               const std::vector<fit::RecipeRatio>& ratios, const std::string& by,
                               double flops) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array(), pairs = list;
  for (const Group& each : groups) {
    nlohmann::ordered_json one = fit::to_json(each.fit, false);
    const fit::Allocation best = optimum_of(each, flops);
    one["group"] = each.name;
    one["optimum"] =
        best.rows.empty() ? nlohmann::ordered_json(nullptr) : fit::to_json(best, best.rows[0]);
    one["data"] = to_json(each.data);
    list.push_back(std::move(one));
  }
  for (const fit::RecipeRatio& each : ratios) {
    pairs.push_back({{"group", each.recipe},
                     {"against", each.against},
                     {"flops", each.flops},
                     {"speed_up", fit::estimate_json(each.speed_up)},
                     {"loss_difference", fit::estimate_json(each.loss_difference)}});
  }
  return {{"schema", 1}, {"by", by}, {"flops", flops}, {"groups", list}, {"ratios", pairs}};
}

void check_options(const FitGroupsOptions& options) {
  check_data_source(options.source);
  if (!options.source.directory.empty()) {
    throw std::invalid_argument(
        "--by takes a column of --data FILE; crosslaw export writes a sweep as such a file");
  }
  if (!options.output.plot.empty())
    throw std::invalid_argument("--by prints tables; --plot draws one group: --where COLUMN=VALUE");
}

}  // namespace

int run_fit_groups(const FitGroupsOptions& options, std::ostream& out, std::ostream& log) {
  const auto format = output_format(options.output);
  check_options(options);
  const std::vector<Group> groups = fit_groups(options, log);
  if (groups.empty()) return 1;
  const double flops = options.flops.value_or(common_flops(groups));
  std::vector<fit::RecipeFit> recipes;
  for (const Group& each : groups) {
    if (each.fit.identifiable) recipes.push_back({each.name, each.fit});
  }
  const std::vector<fit::RecipeRatio> ratios = fit::recipe_ratios(recipes, flops);
  if (!format) {
    out << fit::pretty(json_of(groups, ratios, options.by, flops));
  } else if (format == fit::TableFormat::kCsv) {
    out << csv_of(groups, ratios, flops);
  } else {
    const fit::Convention& convention = groups.front().fit.convention;
    const std::string about =
        fmt::format("{}, by {}; {}; N*, D* and loss at C = {:.4g}", law_name(groups.front().fit),
                    options.by, fit::describe(convention), flops);
    if (is_text(*format)) {
      out << fit::wrapped(about) << "\n\n";
    } else {
      out << fit::convention_note(convention, *format);
    }
    out << fit::render({group_table(groups, flops, false), ratio_table(ratios, false)}, *format);
    if (is_text(*format) && !ratios.empty())
      out << "\nspeed-up: compute that `against` needs for the loss of `group`, over C\n";
  }
  for (const Group& each : groups) {
    for (const std::string& problem : each.fit.problems)
      log << fmt::format("crosslaw fit: {}={}: {}\n", options.by, each.name, problem);
  }
  return 0;
}

}  // namespace crosslaw::apps
