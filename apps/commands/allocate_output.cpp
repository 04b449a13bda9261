#include "apps/commands/allocate_output.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "apps/charts/documents.h"
#include "apps/charts/plot_file.h"
#include "fit/write/fit_json.h"

namespace crosslaw::apps {
namespace {

// The rows of all languages in one list, and what else is said of each language.
nlohmann::ordered_json sweep_json(const std::vector<AllocationAnswer>& answers) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  nlohmann::ordered_json languages = nlohmann::ordered_json::array();
  for (const AllocationAnswer& each : answers) {
    const std::string& language = each.fit.data.language;
    nlohmann::ordered_json report = fit::to_json(each.report);
    add_forecast(each.forecast, report);
    for (nlohmann::ordered_json& row : report["rows"]) {
      row["language"] = language;
      rows.push_back(std::move(row));
    }
    // The object around all languages says these once.
    report.erase("schema");
    report.erase("rows");
    nlohmann::ordered_json one = {{"language", language},
                                  {"fit", each.fit.name},
                                  {"law", law_name(each.fit.fit)},
                                  {"why_this_fit", each.reason}};
    one.update(report);
    languages.push_back(std::move(one));
  }
  return {{"schema", 1}, {"rows", std::move(rows)}, {"languages", std::move(languages)}};
}

fit::Table stacked_csv(const std::vector<AllocationAnswer>& answers) {
  std::vector<fit::TablePart> parts;
  for (const AllocationAnswer& each : answers) {
    parts.push_back({{each.fit.data.language, each.fit.name, law_name(each.fit.fit)},
                     with_forecast(fit::allocation_csv(each.report), each.forecast)});
  }
  return fit::stacked({"language", "fit", "law"}, parts);
}

// The mean of several laws beside the loss of the one that the splits go by.
std::string forecast_part(const AllocationAnswer& each, fit::TableFormat format) {
  if (each.forecast.rows.empty()) return "";
  const fit::Table rows = forecast_rows(each.forecast, each.report);
  if (format == fit::TableFormat::kLatex)
    return "\n" + fit::latex_float(rows, "Losses of these splits by the mean of several laws.");
  const std::string above = is_text(format) ? "\nforecast: " + each.forecast.laws + "\n" : "\n";
  return above + fit::render(rows, format);
}

}  // namespace

std::string allocation_tables(const fit::AllocationReport& report, fit::TableFormat format) {
  const std::string line = fit::convention_line(report);
  std::string out;
  if (format == fit::TableFormat::kLatex) {
    const auto part = [&](const fit::Table& table, const std::string& caption) {
      out += (out.empty() ? "" : "\n") + fit::latex_float(table, caption);
    };
    // Of the columns those of a page: a printed one is no wider.
    out = "% " + line + "\n";
    part(fit::frontier_table(report), "Growth of the compute-optimal split with $C$.");
    part(fit::narrowed(fit::allocation_table(report)).table,
         "Compute-optimal parameters $N^*$ and tokens $D^*$ of each budget, with 95\\,\\% "
         "intervals.");
    if (!report.savings.empty())
      part(fit::saving_table(report), "What continuing saves against training from scratch.");
    return out;
  }
  if (is_text(format)) {
    out = fit::frontier_text(report) + fit::wrapped(line) + "\n\n";
  } else {
    out = line + "\n\n" + fit::render(fit::frontier_table(report), format) + "\n";
  }
  out += fit::render(fit::allocation_table(report), format);
  if (!report.savings.empty()) out += "\n" + fit::render(fit::saving_table(report), format);
  return out;
}

void print_allocations(const std::vector<AllocationAnswer>& answers, const std::string& folder,
                       const OutputOptions& output, std::ostream& out) {
  const auto format = output_format(output);
  const bool of_sweep = !folder.empty();
  const fit::AllocationReport& first = answers.front().report;
  if (!format) {
    nlohmann::ordered_json one = fit::to_json(first);
    add_forecast(answers.front().forecast, one);
    out << fit::pretty(of_sweep ? sweep_json(answers) : one);
  } else if (format == fit::TableFormat::kCsv) {
    out << fit::render(stacked_csv(answers), *format);
  } else if (!of_sweep) {
    out << allocation_tables(first, *format) << forecast_part(answers.front(), *format);
  } else {
    for (const AllocationAnswer& each : answers) {
      out << each.heading() << "\n\n"
          << allocation_tables(each.report, *format) << forecast_part(each, *format) << "\n";
    }
  }
}

void plot_allocations(const std::vector<AllocationAnswer>& answers, const std::string& folder,
                      const std::string& file, std::ostream& log) {
  std::vector<charts::NamedDocument> documents;
  for (const AllocationAnswer& each : answers) {
    const Dataset& data = each.fit.data;
    documents.push_back(
        {each.fit.label(),
         charts::allocation_document(each.fit.fit, each.report, data.data.points, names_of(data))});
  }
  charts::write_plot(file, folder.empty() ? documents.front().document
                                          : charts::combined("Allocation of " + folder, documents));
  log << fmt::format("crosslaw allocate: charts in {}\n", file);
}

}  // namespace crosslaw::apps
