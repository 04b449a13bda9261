#include "tests/apps/charts/well_formed.h"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace crosslaw::tests {
namespace {

class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  std::vector<Element> read() {
    if (text_.compare(0, 5, "<?xml") == 0) at_ = text_.find("?>") + 2;
    while (at_ < text_.size()) {
      if (text_[at_] == '<') {
        tag();
      } else {
        const std::string run = upto("<");
        check_text(run);
        const bool blank = run.find_first_not_of(" \n") == std::string::npos;
        require(blank || !open_.empty(), "text outside the root");
      }
    }
    require(open_.empty(), "an element is not closed");
    return all_;
  }

 private:
  void require(bool good, const std::string& what) const {
    if (good) return;
    throw std::runtime_error(what + " near: " + text_.substr(at_ > 60 ? at_ - 60 : 0, 120));
  }

  std::string upto(const std::string& stops) {
    const std::size_t end = std::min(text_.find_first_of(stops, at_), text_.size());
    const std::string out = text_.substr(at_, end - at_);
    at_ = end;
    return out;
  }

  void check_text(const std::string& run) const {
    for (std::size_t i = 0; i < run.size(); ++i) {
      const auto byte = static_cast<unsigned char>(run[i]);
      require(byte >= 0x20 || run[i] == '\n', "a control character");
      require(run[i] != '>' && run[i] != '<', "a bare markup character");
      if (run[i] != '&') continue;
      const std::string entity = run.substr(i, run.find(';', i) - i);
      const std::set<std::string> known = {"&amp", "&lt", "&gt", "&quot", "&#39"};
      require(known.count(entity) == 1, "an unknown entity");
    }
  }

  void tag() {
    ++at_;
    if (text_[at_] == '/') {
      ++at_;
      const std::string name = upto(">");
      require(!open_.empty() && open_.back() == name, "</" + name + "> closes nothing");
      open_.pop_back();
      ++at_;
      return;
    }
    Element element{upto(" />\n"), {}};
    require(!element.name.empty(), "a tag without a name");
    require(!open_.empty() || all_.empty(), "two roots");
    while (text_.at(at_) == ' ' || text_.at(at_) == '\n') {
      ++at_;
      attribute(element);
    }
    const bool closed = text_.at(at_) == '/';
    at_ += closed;
    require(text_.at(at_) == '>', "a tag does not end");
    ++at_;
    if (!closed) open_.push_back(element.name);
    all_.push_back(std::move(element));
  }

  void attribute(Element& element) {
    const std::string name = upto("=> /");
    require(!name.empty() && text_.at(at_) == '=' && text_.at(at_ + 1) == '"', "no quoted value");
    require(element.get(name).empty(), "an attribute stands twice");
    at_ += 2;
    const std::string value = upto("\"");
    check_text(value);
    ++at_;
    if (name == "id") require(ids_.insert(value).second, "an id is used twice");
    element.attributes.emplace_back(name, value);
  }

  const std::string& text_;
  std::size_t at_ = 0;
  std::vector<std::string> open_;
  std::vector<Element> all_;
  std::set<std::string> ids_;
};

}  // namespace

std::string Element::get(const std::string& attribute) const {
  for (const auto& [key, value] : attributes) {
    if (key == attribute) return value;
  }
  return "";
}

double Element::number(const std::string& attribute) const {
  std::size_t used = 0;
  const std::string text = get(attribute);
  const double value = std::stod(text, &used);
  if (used != text.size()) throw std::runtime_error(attribute + " is no number: " + text);
  return value;
}

std::vector<Element> parse_xml(const std::string& text) { return Reader(text).read(); }

std::vector<Element> named(const std::vector<Element>& all, const std::string& name) {
  std::vector<Element> out;
  std::copy_if(all.begin(), all.end(), std::back_inserter(out),
               [&](const Element& each) { return each.name == name; });
  return out;
}

}  // namespace crosslaw::tests
