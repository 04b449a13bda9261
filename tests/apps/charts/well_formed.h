#pragma once

#include <string>
#include <utility>
#include <vector>

namespace crosslaw::tests {

struct Element {
  std::string name;
  std::vector<std::pair<std::string, std::string>> attributes;

  std::string get(const std::string& attribute) const;  // "" when it is not there
  double number(const std::string& attribute) const;    // throws when it is not a number
};

// The elements of an XML text in order. A strict reader of what SVG needs: throws
// std::runtime_error for tags that do not nest, attributes that are not quoted or stand twice, bare
// markup characters, unknown entities, control characters, and ids that are used twice.
std::vector<Element> parse_xml(const std::string& text);

std::vector<Element> named(const std::vector<Element>& all, const std::string& name);

}  // namespace crosslaw::tests
