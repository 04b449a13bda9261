#include "apps/report/figure_tables.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include "fit/data/closest_name.h"

namespace crosslaw::apps {
namespace {

using Json = nlohmann::ordered_json;
using Rows = std::vector<Json>;  // flat objects

bool is_interval(const std::string& key) {
  constexpr std::string_view kEnd = "ci95";
  return key.size() >= kEnd.size() && key.substr(key.size() - kEnd.size()) == kEnd;
}

// Intervals become two columns, nested objects have their name before their columns; other lists
// are tables of their own.
void flatten(const Json& object, const std::string& prefix, Json& row) {
  for (const auto& [key, value] : object.items()) {
    if (value.is_object()) {
      flatten(value, prefix + key + "_", row);
    } else if (is_interval(key)) {
      row[prefix + key + "_low"] = value.is_array() ? value[0] : Json(nullptr);
      row[prefix + key + "_high"] = value.is_array() ? value[1] : Json(nullptr);
    } else if (!value.is_array()) {
      row[prefix + key] = value;
    }
  }
}

// One row for each of `list`, after the columns of `before`.
void add_rows(const Json& before, const Json& list, Rows& rows) {
  for (const Json& each : list) {
    Json row = before;
    flatten(each, "", row);
    rows.push_back(std::move(row));
  }
}

// One row for each of the list that stands at `key` of `parent`, after the columns of `before` and
// the parent's own.
void add_rows_of(const Json& parent, const char* key, Rows& rows, Json before = Json::object()) {
  flatten(parent, "", before);
  add_rows(before, parent[key], rows);
}

// What tells the rows of one language pair from those of another.
Json pair_columns(const Json& pair) {
  return {{"language", pair["language"]}, {"replay", pair["replay"]}};
}

Rows loss_rows(const Json& data) {
  Rows rows;
  for (const Json& curve : data["loss"]["curves"]) add_rows_of(curve, "points", rows);
  return rows;
}

Rows frontier_rows(const Json& data) {
  Rows rows;
  for (const Json& frontier : data["loss"]["frontiers"]) {
    Json row = Json::object();
    flatten(frontier, "", row);
    const Json& line = frontier["line"];
    flatten(line.front(), "from_", row);
    flatten(line.back(), "to_", row);
    rows.push_back(std::move(row));
  }
  return rows;
}

Rows frontier_line_rows(const Json& data) {
  Rows rows;
  for (const Json& frontier : data["loss"]["frontiers"]) {
    add_rows({{"strategy", frontier["strategy"]}, {"replay", frontier["replay"]}}, frontier["line"],
             rows);
  }
  return rows;
}

Rows forgetting_rows(const Json& data) {
  Rows rows;
  for (const Json& pair : data["pairs"]) {
    for (const Json& model : pair["forgetting"]["models"]) add_rows_of(model, "points", rows);
  }
  return rows;
}

Rows iso_loss_rows(const Json& data) {
  Rows rows;
  for (const Json& pair : data["pairs"]) {
    for (const Json& surface : pair["contours"]["surfaces"]) {
      Json row = pair_columns(pair);
      row["strategy"] = surface["strategy"];
      for (std::size_t i = 0; i < surface["params"].size(); ++i) {
        for (std::size_t k = 0; k < surface["flops"].size(); ++k) {
          row["params"] = surface["params"][i];
          row["flops"] = surface["flops"][k];
          row["loss"] = surface["loss"][i][k];
          rows.push_back(row);
        }
      }
    }
  }
  return rows;
}

// A list of every surface of every pair.
Rows surface_rows(const Json& data, const char* list) {
  Rows rows;
  for (const Json& pair : data["pairs"]) {
    for (const Json& surface : pair["contours"]["surfaces"]) {
      Json before = pair_columns(pair);
      before["strategy"] = surface["strategy"];
      add_rows(before, surface[list], rows);
    }
  }
  return rows;
}

Rows coefficient_rows(const Json& data) {
  Rows rows;
  for (const Json& pair : data["pairs"]) {
    for (const Json& fit : pair["fits"]) {
      for (const auto& [name, coefficient] : fit["coefficients"].items()) {
        Json row = pair_columns(pair);
        row["fit"] = fit["name"];
        row["law"] = fit["law"];
        row["coefficient"] = name;
        flatten(coefficient, "", row);
        rows.push_back(std::move(row));
      }
    }
  }
  return rows;
}

// A list of every pair.
Rows pair_rows(const Json& data, const char* list) {
  Rows rows;
  for (const Json& pair : data["pairs"]) add_rows(pair_columns(pair), pair[list], rows);
  return rows;
}

// A list of what stands at `part` of every pair that has it.
Rows pair_rows(const Json& data, const char* part, const char* list) {
  Rows rows;
  for (const Json& pair : data["pairs"]) {
    if (!pair[part].is_null()) add_rows(pair_columns(pair), pair[part][list], rows);
  }
  return rows;
}

Rows language_curve_rows(const Json& data) {
  Rows rows;
  for (const Json& pair : data["pairs"]) {
    for (const Json& curve : pair["language_curves"]) add_rows_of(curve, "points", rows);
  }
  return rows;
}

// A row a share of replay of every size and number of tokens.
Rows replay_rows(const Json& data) {
  Rows rows;
  for (const Json& plan : data["replay"]) {
    for (const Json& cell : plan["cells"]) {
      add_rows_of(cell, "ratios", rows,
                  {{"strategy", plan["strategy"]}, {"language", plan["language"]}});
    }
  }
  return rows;
}

// A list that stands at `key` of what stands at `part`, where there is such a part.
Rows part_rows(const Json& data, const char* part, const char* key) {
  Rows rows;
  if (!data[part].is_null()) add_rows(Json::object(), data[part][key], rows);
  return rows;
}

// A row a base budget of every strategy that has several.
Rows base_rows(const Json& data) {
  Rows rows;
  for (const Json& comparison : data["bases"]) add_rows_of(comparison, "rows", rows);
  return rows;
}

Rows size_rows(const Json& data) {
  Rows rows;
  add_rows(Json::object(), data["sizes"], rows);
  return rows;
}

struct Maker {
  const char* name;
  Rows (*rows)(const Json& data);
};

constexpr std::array<Maker, 26> kMakers = {{
    {"losses", loss_rows},
    {"frontier", frontier_rows},
    {"frontier-line", frontier_line_rows},
    {"savings", [](const Json& data) { return pair_rows(data, "savings"); }},
    {"savings-by-law", [](const Json& data) { return pair_rows(data, "savings_law"); }},
    {"iso-loss", iso_loss_rows},
    {"best-sizes", [](const Json& data) { return surface_rows(data, "frontier"); }},
    {"measured-area", [](const Json& data) { return surface_rows(data, "measured"); }},
    {"coefficients", coefficient_rows},
    {"allocation", [](const Json& data) { return pair_rows(data, "allocation", "rows"); }},
    {"residuals", [](const Json& data) { return pair_rows(data, "residuals", "rows"); }},
    {"forgetting", forgetting_rows},
    {"transfer", [](const Json& data) { return pair_rows(data, "transfer", "rows"); }},
    {"transfer-budgets", [](const Json& data) { return pair_rows(data, "transfer", "budgets"); }},
    {"transfer-frontier", [](const Json& data) { return pair_rows(data, "transfer", "frontier"); }},
    {"crossings", [](const Json& data) { return pair_rows(data, "transfer", "crossings"); }},
    {"laws-on-both", [](const Json& data) { return pair_rows(data, "contrast", "laws"); }},
    {"transfer-matrix", [](const Json& data) { return part_rows(data, "matrix", "cells"); }},
    {"language-losses", language_curve_rows},
    {"replay", replay_rows},
    {"bases", base_rows},
    {"pooled-laws", [](const Json& data) { return part_rows(data, "pooled", "languages"); }},
    {"scores", [](const Json& data) { return part_rows(data, "scores", "rows"); }},
    {"texts", [](const Json& data) { return part_rows(data, "texts", "texts"); }},
    {"seen-losses", [](const Json& data) { return part_rows(data, "texts", "losses"); }},
    {"sizes", size_rows},
}};

std::string cell(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_boolean()) return value.get<bool>() ? "1" : "0";
  if (value.is_number_float()) return fit::exact(value.get<double>());
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

std::vector<std::string> figure_table_names() {
  std::vector<std::string> names;
  for (const Maker& maker : kMakers) names.emplace_back(maker.name);
  return names;
}

fit::Table figure_table(const Json& data, const std::string& name) {
  const auto* maker =
      std::find_if(kMakers.begin(), kMakers.end(), [&](const Maker& m) { return m.name == name; });
  if (maker == kMakers.end()) {
    throw std::invalid_argument(fmt::format(
        "{}: no figure has a table of this name{}; there are {}", name,
        fit::did_you_mean(name, figure_table_names()), fmt::join(figure_table_names(), ", ")));
  }
  const Rows rows = maker->rows(data);
  fit::Table table;
  for (const Json& row :
       rows) {  // a value that is unknown in one row may be an interval in another
    for (const auto& [key, value] : row.items()) {
      const bool known =
          std::find(table.header.begin(), table.header.end(), key) != table.header.end();
      if (!known) table.header.push_back(key);
    }
  }
  for (const Json& row : rows) {
    std::vector<std::string> cells;
    for (const std::string& column : table.header)
      cells.push_back(row.contains(column) ? cell(row[column]) : "");
    table.rows.push_back(std::move(cells));
  }
  return table;
}

}  // namespace crosslaw::apps
