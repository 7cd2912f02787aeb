#include "control/local/documents.hpp"

#include "control/local/value.hpp"

#include <yaml-cpp/eventhandler.h>

#include <sstream>

namespace culvert::control::local {
namespace {

// Sees where documents begin and whether they have content.
class Documents : public YAML::EventHandler {
 public:
  bool filled() const { return filled_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    // The parser does not get past this.
    if (count_ > 0 && mark.pos == start_.pos)
      throw Problem{mark.line + 1, "", "not YAML: what is here belongs nowhere"};
    start_ = mark;
    ++count_;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override { content(); }
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string& text) override {
    if (!YAML::IsNullString(text)) content();
  }
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    content();
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    content();
  }
  void OnMapEnd() override {}

 private:
  void content() {
    if (count_ > 1) throw Problem{start_.line + 1, "", "a second document; there must be one"};
    filled_ = true;
  }

  YAML::Mark start_;
  int count_ = 0;
  bool filled_ = false;
};

}  // namespace

void require_one_document(const std::string& yaml) {
  std::istringstream text(yaml);
  YAML::Parser parser(text);
  Documents documents;
  while (parser.HandleNextDocument(documents)) {
  }
  if (!documents.filled()) throw Problem{1, "", "has no content; an empty mesh is written {}"};
}

}  // namespace culvert::control::local
