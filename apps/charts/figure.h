#pragma once

#include <string>
#include <vector>

#include "apps/charts/panel.h"

namespace crosslaw::charts {

// What stands above the panels of a document.
struct Heading {
  std::string title;
  std::vector<std::string> lines;     // facts
  std::vector<std::string> warnings;  // what a reader must not miss
};

// One SVG document with every panel, in rows of at most three.
std::string svg_document(const Heading& heading, const std::vector<Panel>& panels);

// One panel as an <svg> element for an HTML page; `id` is unique in the page.
std::string svg_element(const Panel& panel, const std::string& id);

}  // namespace crosslaw::charts
