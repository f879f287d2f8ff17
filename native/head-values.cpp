#include "head-values.h"

#include "arguments.h"
#include "errors.h"
#include "results.h"

#include <algorithm>
#include <numeric>
#include <string>

namespace specdecpp {

namespace {

void expect(Napi::Env env, bool holds, const std::string& what) {
    if (!holds) {
        throw makeError(env, "ERR_INVALID_ARGUMENT", "The native call expected " + what + ".");
    }
}

HeadValue toValue(const Napi::Value& value, const std::string& key) {
    if (value.IsNumber()) {
        return value.As<Napi::Number>().DoubleValue();
    }
    if (value.IsBoolean()) {
        return value.As<Napi::Boolean>().Value();
    }
    if (value.IsString()) {
        return value.As<Napi::String>().Utf8Value();
    }
    expect(value.Env(), value.IsArray(), "numbers, strings or arrays of one of them in metadata, not so for " + key);
    const auto array = value.As<Napi::Array>();
    std::vector<double> numbers;
    std::vector<std::string> texts;
    for (uint32_t i = 0; i < array.Length(); ++i) {
        const Napi::Value each = array.Get(i);
        if (each.IsNumber()) {
            numbers.push_back(each.As<Napi::Number>().DoubleValue());
        } else if (each.IsString()) {
            texts.push_back(each.As<Napi::String>().Utf8Value());
        }
    }
    expect(value.Env(), std::max(numbers.size(), texts.size()) == array.Length(),
           "arrays of numbers or of strings in metadata, not so for " + key);
    return texts.empty() ? HeadValue(numbers) : HeadValue(texts);
}

Napi::Value toJs(Napi::Env env, const HeadValue& value) {
    if (const auto* number = std::get_if<double>(&value)) {
        return Napi::Number::New(env, *number);
    }
    if (const auto* flag = std::get_if<bool>(&value)) {
        return Napi::Boolean::New(env, *flag);
    }
    if (const auto* text = std::get_if<std::string>(&value)) {
        return Napi::String::New(env, *text);
    }
    if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
        return toArray(env, *texts);
    }
    Napi::Array array = Napi::Array::New(env);
    for (const double number : std::get<std::vector<double>>(value)) {
        array.Set(array.Length(), number);
    }
    return array;
}

OwnedExamples copyRows(const Napi::Object& inputs, const HeadShape& shape, std::span<const int32_t> order,
                       bool labelled) {
    const Napi::Env env = inputs.Env();
    const auto states = arrayProperty<uint16_t>(inputs, "states");
    const auto stateOf = arrayProperty<int32_t>(inputs, "stateOf");
    const auto scalars = arrayProperty<float>(inputs, "scalars");
    const auto width = static_cast<size_t>(shape.width);
    const auto columns = static_cast<size_t>(shape.scalars());
    expect(env, states.size() % width == 0, "states of the width " + std::to_string(width));
    expect(env, scalars.size() == columns * stateOf.size(),
           std::to_string(columns) + " scalars for each of " + std::to_string(stateOf.size()) + " examples");
    const auto isRow = [rows = states.size() / width](int32_t row) {
        return row >= 0 && static_cast<size_t>(row) < rows;
    };
    expect(env, std::all_of(stateOf.begin(), stateOf.end(), isRow), "rows of states in stateOf");
    const auto isExample = [&](int32_t i) { return i >= 0 && static_cast<size_t>(i) < stateOf.size(); };
    expect(env, std::all_of(order.begin(), order.end(), isExample), "examples that are there in order");
    std::span<const float> labels;
    if (labelled) {
        labels = arrayProperty<float>(inputs, "labels");
        expect(env, labels.size() == 2 * stateOf.size(), "two labels for each example");
    }
    OwnedExamples copied;
    copied.states.reserve(order.size() * width);
    copied.scalars.reserve(order.size() * columns);
    const auto append = [](auto& to, const auto& from, size_t at, size_t count) {
        to.insert(to.end(), from.begin() + static_cast<ptrdiff_t>(at),
                  from.begin() + static_cast<ptrdiff_t>(at + count));
    };
    for (size_t i = 0; i < order.size(); ++i) {
        const auto example = static_cast<size_t>(order[i]);
        append(copied.states, states, static_cast<size_t>(stateOf[example]) * width, width);
        append(copied.scalars, scalars, example * columns, columns);
        if (labelled) {
            append(copied.labels, labels, 2 * example, 2);
        }
        copied.stateOf.push_back(static_cast<int32_t>(i));
    }
    return copied;
}

} // namespace

HeadShape headShapeProperty(const Napi::Object& object, const char* name) {
    const Napi::Object given = objectProperty(object, name);
    HeadShape shape;
    const std::string kind = stringProperty(given, "kind");
    expect(object.Env(), kind == "paper" || kind == "full", "\"paper\" or \"full\" for kind");
    shape.kind = kind == "paper" ? HeadKind::paper : HeadKind::full;
    shape.width = intProperty(given, "width");
    shape.depth = intProperty(given, "depth");
    shape.tied = boolProperty(given, "tied");
    shape.hidden = intProperty(given, "hidden");
    shape.columns = stringsProperty(given, "columns");
    const auto masks = arrayProperty<uint8_t>(given, "masks");
    shape.masks.assign(masks.begin(), masks.end());
    return shape;
}

OwnedExamples copyInputs(const Napi::Object& inputs, const HeadShape& shape) {
    std::vector<int32_t> all(arrayProperty<int32_t>(inputs, "stateOf").size());
    std::iota(all.begin(), all.end(), 0);
    return copyRows(inputs, shape, all, false);
}

OwnedExamples copyExamples(const Napi::Object& examples, const HeadShape& shape, std::span<const int32_t> order) {
    return copyRows(examples, shape, order, true);
}

HeadMetadata metadataArgument(const Napi::CallbackInfo& info, size_t index) {
    const Napi::Object object = objectArgument(info, index);
    const Napi::Array names = object.GetPropertyNames();
    HeadMetadata metadata;
    for (uint32_t i = 0; i < names.Length(); ++i) {
        const std::string key = Napi::Value(names.Get(i)).ToString().Utf8Value();
        metadata[key] = toValue(object.Get(key), key);
    }
    return metadata;
}

Napi::Object toObject(Napi::Env env, const HeadMetadata& metadata) {
    Napi::Object object = Napi::Object::New(env);
    for (const auto& [key, value] : metadata) {
        object.Set(key, toJs(env, value));
    }
    return object;
}

Napi::Value giveNumbers(Napi::Env env, const std::vector<float>& numbers) {
    return toTypedArray<Napi::Float32Array>(env, numbers);
}

} // namespace specdecpp
