// Package exchange reads pretrained models of any program that uer understands, and knows the names that others give a
// model's tensors.
//
// [Load] sets the parameters of a model from a file or folder: a state dict of any version of UER-py or TencentPretrain, in
// PyTorch's containers or safetensors, or a model of Hugging Face's transformers. It need not match the model exactly; a
// [Match] reports the differences. [Naming] says under which names a parameter is saved.
package exchange
