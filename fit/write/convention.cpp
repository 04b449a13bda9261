#include "fit/write/convention.h"

#include <fmt/format.h>

namespace crosslaw::fit {

std::string describe(const Convention& convention) {
  const auto known = [](const std::string& text) {
    return text.empty() ? std::string("as in the fit") : text;
  };
  return fmt::format("N: {}; C: {}; loss: {}", known(convention.params), known(convention.compute),
                     known(convention.loss));
}

std::string convention_note(const Convention& convention, TableFormat format) {
  const std::string line = describe(convention);
  switch (format) {
    case TableFormat::kMarkdown:
      return line + "\n\n";
    case TableFormat::kLatex:
      return "% " + line + "\n";
    case TableFormat::kCsv:
      return "";
    default:
      return wrapped(line) + "\n";
  }
}

nlohmann::ordered_json to_json(const Convention& convention) {
  return {
      {"params", convention.params}, {"compute", convention.compute}, {"loss", convention.loss}};
}

Table with_convention(Table table, const Convention& convention) {
  table.header.insert(table.header.end(),
                      {"params_convention", "compute_convention", "loss_convention"});
  for (auto& row : table.rows)
    row.insert(row.end(), {convention.params, convention.compute, convention.loss});
  return table;
}

}  // namespace crosslaw::fit
